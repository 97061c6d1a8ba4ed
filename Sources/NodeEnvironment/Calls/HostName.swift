// Whether a text can be a host: an address or a name. Pure: nothing is resolved.

/// Rules of RFC 952, 1123 and 4291, and underscores, which private networks have.
enum HostName {
    private static let maxBytes = 253
    private static let maxLabelBytes = 63
    private static let addressGroups = 8

    /// A dotted IPv4 address, or a name whose last label is no number: `127.0.0.999` is neither.
    static func isNameOrIPv4(_ text: Substring) -> Bool {
        guard (1...maxBytes).contains(text.utf8.count) else { return false }
        let labels = text.split(separator: ".", omittingEmptySubsequences: false)
        guard labels.allSatisfy(isLabel), let last = labels.last else { return false }
        guard last.allSatisfy(\.isASCIIDigit) else { return true }
        return labels.count == 4 && labels.allSatisfy { decimal($0, upTo: 255) != nil }
    }

    /// Eight groups of hexadecimal digits, at most one run of them left out; a zone behind a percent sign.
    static func isIPv6(_ text: Substring) -> Bool {
        let parts = text.split(separator: "%", maxSplits: 1, omittingEmptySubsequences: false)
        guard let address = parts.first, parts.count == 1 || isLabel(parts[1]) else { return false }
        let halves = address.split(separator: "::", maxSplits: 2, omittingEmptySubsequences: false)
        guard (1...2).contains(halves.count) else { return false }
        var count = 0
        for (place, half) in halves.enumerated() where !half.isEmpty {
            guard let groups = groups(of: half, isLast: place == halves.count - 1) else { return false }
            count += groups
        }
        return halves.count == 2 ? count < addressGroups : count == addressGroups
    }

    /// An IPv4 address may stand for the last two groups.
    private static func groups(of text: Substring, isLast: Bool) -> Int? {
        let parts = text.split(separator: ":", omittingEmptySubsequences: false)
        var count = 0
        for (place, part) in parts.enumerated() {
            if isLast, place == parts.count - 1, part.contains(".") {
                guard isNameOrIPv4(part), part.allSatisfy({ $0.isASCIIDigit || $0 == "." }) else { return nil }
                count += 2
            } else {
                guard (1...4).contains(part.utf8.count), part.allSatisfy({ $0.isASCII && $0.isHexDigit }) else {
                    return nil
                }
                count += 1
            }
        }
        return count
    }

    /// Decimal digits without a sign or zeros before them; nil above `limit`.
    static func decimal(_ text: Substring, upTo limit: Int) -> Int? {
        guard (1...5).contains(text.utf8.count), text.allSatisfy(\.isASCIIDigit), text == "0" || !text.hasPrefix("0"),
            let number = Int(text), number <= limit
        else { return nil }
        return number
    }

    private static func isLabel(_ text: Substring) -> Bool {
        (1...maxLabelBytes).contains(text.utf8.count) && !text.hasPrefix("-") && !text.hasSuffix("-")
            && text.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || $0 == "-" || $0 == "_") }
    }
}

extension Character {
    fileprivate var isASCIIDigit: Bool { isASCII && isWholeNumber }
}
