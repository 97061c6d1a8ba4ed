// Categories, languages and countries as small numbers: what rows, state and filters compare instead of texts.

import ClusterModel

/// Categories by number.
package enum CategoryNumber {
    /// A non-zero 16-bit fold of SHA-256 of the name; 0 for no category. The same everywhere and for ever, since sums of
    /// state are kept by it. Two of a hundred names collide with a probability of 7 %: they then share their interest.
    package static func of(_ name: String) -> UInt16 {
        guard !name.isEmpty else { return 0 }
        let word = SHA256.hash(utf8: name).words.0
        let folded = UInt16(truncatingIfNeeded: word ^ word >> 16 ^ word >> 32 ^ word >> 48)
        return folded == 0 ? 1 : folded
    }
}

/// A language code of at most eight bytes, packed; comparing two is comparing two integers.
package struct LanguageCode: Hashable, Comparable, Sendable {
    package let rawValue: UInt64

    /// No language: an item for every reader.
    package static let none = LanguageCode(rawValue: 0)

    private init(rawValue: UInt64) { self.rawValue = rawValue }

    /// Nil for a text that is too long to be a code.
    package init?(_ text: String) {
        guard text.utf8.count <= PersonalizationLimits.languageBytes else { return nil }
        rawValue = text.utf8.reduce(0) { $0 << 8 | UInt64($1) }
    }

    package static func < (lhs: Self, rhs: Self) -> Bool { lhs.rawValue < rhs.rawValue }

    /// The most codes that `fallback` leads to, the first one included: eight bytes hold two letters and three subtags of one.
    static let maxInLookup = 4

    /// The code without its last subtag; nil for one without any. Complexity: O(bytes), no allocation.
    var fallback: LanguageCode? {
        var rest = rawValue
        while rest != 0, rest & 0xFF != UInt64(UInt8(ascii: "-")) { rest >>= 8 }
        return rest == 0 ? nil : LanguageCode(rawValue: rest >> 8)
    }
}

extension LanguageTag {
    /// The tag, then what it falls back to, the nearest first: "pt-br", "pt" (RFC 4647, lookup).
    package var codes: [LanguageCode] {
        LanguageCode(text).map { Array(sequence(first: $0, next: \.fallback)) } ?? []
    }
}

/// A country code as its place among the 26 x 26 codes of two capital letters.
struct CountryNumber: Hashable {
    static let count = 676

    let rawValue: Int

    /// Nil unless the text is two capital letters.
    init?(_ text: String) {
        guard text.utf8.count == 2 else { return nil }
        var value = 0
        for byte in text.utf8 {
            guard (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte) else { return nil }
            value = value * 26 + Int(byte - UInt8(ascii: "A"))
        }
        rawValue = value
    }
}

/// A set of countries in 88 bytes.
struct CountrySet: Sendable {
    private var words = InlineArray<11, UInt64>(repeating: 0)

    /// Codes that are none are left out.
    init(_ codes: [String]) {
        for number in codes.compactMap(CountryNumber.init) {
            words[number.rawValue / 64] |= 1 << UInt64(number.rawValue % 64)
        }
    }

    func contains(_ country: CountryNumber) -> Bool {
        words[country.rawValue / 64] & 1 << UInt64(country.rawValue % 64) != 0
    }
}
