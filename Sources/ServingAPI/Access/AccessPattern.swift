// Names with wildcards, as rules of `access` write them.

/// A text in which each `*` stands for any characters but "/". Bounded, so that no pattern makes matching slow:
/// at most `maxBytes` and `maxWildcards`. There are no other special characters.
package struct AccessPattern: Hashable, Sendable {
    package static let maxBytes = 256
    package static let maxWildcards = 8

    /// As it was written.
    package let text: String
    /// Between slashes; each as its literal parts between wildcards.
    private let segments: [[[UInt8]]]

    /// Nil for an empty or too long text, or one with too many wildcards.
    package init?(_ text: String) {
        guard (1...Self.maxBytes).contains(text.utf8.count),
            text.utf8.count(where: { $0 == UInt8(ascii: "*") }) <= Self.maxWildcards
        else { return nil }
        self.text = text
        segments = text.utf8.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false).map { segment in
            segment.split(separator: UInt8(ascii: "*"), omittingEmptySubsequences: false).map { Array($0) }
        }
    }

    /// Complexity: O(bytes of `name` x bytes of the pattern).
    package func matches(_ name: String) -> Bool {
        let parts = name.utf8.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
        guard parts.count == segments.count else { return false }
        return zip(parts, segments).allSatisfy { Self.matches(Array($0)[...], $1) }
    }

    /// The first literal begins the name, the last one ends it, and those between stand in it one after the other: each
    /// as early as it can, which leaves most for the next.
    private static func matches(_ name: ArraySlice<UInt8>, _ literals: [[UInt8]]) -> Bool {
        guard let first = literals.first, let last = literals.last else { return false }
        guard literals.count > 1 else { return name.elementsEqual(first) }
        guard name.starts(with: first) else { return false }
        var rest = name.dropFirst(first.count)
        for literal in literals.dropFirst().dropLast() {
            guard let start = position(of: literal, in: rest) else { return false }
            rest = rest[(start + literal.count)...]
        }
        return rest.count >= last.count && rest.suffix(last.count).elementsEqual(last)
    }

    private static func position(of literal: [UInt8], in name: ArraySlice<UInt8>) -> Int? {
        guard name.count >= literal.count else { return nil }
        return (name.startIndex...(name.endIndex - literal.count)).first { start in
            name[start..<(start + literal.count)].elementsEqual(literal)
        }
    }
}
