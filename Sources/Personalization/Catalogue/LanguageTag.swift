// Languages as people and devices write them: BCP 47 tags (RFC 5646), brought to the form that the catalogue knows.

/// A well-formed language tag in the catalogue's form: lower case, and no longer than `PersonalizationLimits.languageBytes`,
/// which holds every language with a script, or with a region: what follows is dropped as RFC 4647 drops it ("zh-Hant-TW"
/// is "zh-hant", "en-US" is "en-us"). A private tag ("x-…"), one of the grandfathered list and an empty one name no language.
package struct LanguageTag: Hashable, Sendable {
    /// 2 to 8 bytes: letters, digits and hyphens.
    package let text: String

    /// The longest text that is looked at; RFC 5646 asks for 35 at least.
    package static let maxBytes = 64

    /// Nil for a text that is no well-formed tag of a language. Complexity: O(bytes), of which there are 64 at most.
    package init?(_ text: String) {
        guard text.utf8.count <= Self.maxBytes else { return nil }
        let subtags = text.utf8.split(separator: UInt8(ascii: "-"), omittingEmptySubsequences: false).map(Subtag.init)
        guard Self.isWellFormed(subtags) else { return nil }
        var kept = subtags.map(\.lowercase)
        // Of RFC 5646's registry: the codes of ISO 639-1 that were withdrawn, which old devices go on sending.
        kept[0] = Self.preferred[kept[0]] ?? kept[0]
        while kept.count > 1, Self.bytes(kept) > PersonalizationLimits.languageBytes { Self.truncate(&kept) }
        guard Self.bytes(kept) <= PersonalizationLimits.languageBytes else { return nil }
        self.text = kept.joined(separator: "-")
    }

    private static let preferred = ["in": "id", "iw": "he", "ji": "yi", "jw": "jv", "mo": "ro"]

    private static func bytes(_ subtags: [String]) -> Int {
        subtags.reduce(subtags.count - 1) { $0 + $1.utf8.count }
    }

    /// Drops the last subtag, and a singleton that then is the last.
    private static func truncate(_ subtags: inout [String]) {
        subtags.removeLast()
        if subtags.count > 1, subtags.last?.utf8.count == 1 { subtags.removeLast() }
    }
}

// MARK: RFC 5646, section 2.1

/// One part of a tag.
private struct Subtag {
    var count: Int
    var isLetters: Bool
    var isDigits: Bool
    var startsWithDigit: Bool
    var isAlphanumeric: Bool
    var lowercase: String

    init(_ bytes: Substring.UTF8View) {
        count = bytes.count
        func isLetter(_ byte: UInt8) -> Bool { (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte | 0x20) }
        func isDigit(_ byte: UInt8) -> Bool { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) }
        isLetters = bytes.allSatisfy(isLetter)
        isDigits = bytes.allSatisfy(isDigit)
        isAlphanumeric = bytes.allSatisfy { isLetter($0) || isDigit($0) }
        startsWithDigit = bytes.first.map(isDigit) ?? false
        lowercase = String(decoding: bytes, as: UTF8.self).lowercased()
    }

    var isExtendedLanguage: Bool { count == 3 && isLetters }
    var isScript: Bool { count == 4 && isLetters }
    var isRegion: Bool { count == 2 && isLetters || count == 3 && isDigits }
    var isVariant: Bool { isAlphanumeric && (5...8 ~= count || count == 4 && startsWithDigit) }
    var isSingleton: Bool { count == 1 && isAlphanumeric && lowercase != "x" }
    var isOfExtension: Bool { isAlphanumeric && 2...8 ~= count }
    var isPrivate: Bool { isAlphanumeric && 1...8 ~= count }
}

extension LanguageTag {
    /// language ["-" script] ["-" region] *("-" variant) *("-" extension) ["-" private use]
    private static func isWellFormed(_ subtags: [Subtag]) -> Bool {
        guard let language = subtags.first, language.isLetters, 2...8 ~= language.count else { return false }
        var rest = subtags.dropFirst()
        if language.count <= 3 { skip(&rest, atMost: 3) { $0.isExtendedLanguage } }
        skip(&rest, atMost: 1) { $0.isScript }
        skip(&rest, atMost: 1) { $0.isRegion }
        let variants = skip(&rest, atMost: .max) { $0.isVariant }
        guard Set(variants.map(\.lowercase)).count == variants.count else { return false }
        var singletons: Set<String> = []
        while let singleton = rest.first, singleton.isSingleton {
            guard singletons.insert(singleton.lowercase).inserted else { return false }
            rest = rest.dropFirst()
            guard !skip(&rest, atMost: .max, { $0.isOfExtension }).isEmpty else { return false }
        }
        guard let mark = rest.first else { return true }
        return mark.lowercase == "x" && rest.count > 1 && rest.dropFirst().allSatisfy(\.isPrivate)
    }

    @discardableResult
    private static func skip(
        _ rest: inout ArraySlice<Subtag>, atMost limit: Int, _ isOne: (Subtag) -> Bool
    ) -> ArraySlice<Subtag> {
        let taken = rest.prefix(limit).prefix(while: isOne)
        rest = rest.dropFirst(taken.count)
        return taken
    }
}
