// One value of the file as it stands there. YAML's own typing is not asked: to it `010` is 8, `1:30` is 90, `no` is false
// and `2026-11-30` a date.

import Yams

/// Text of one line, with or without quotes.
struct ConfigurationScalar {
    let text: String
    let isQuoted: Bool

    /// Nil for mappings and lists.
    init?(_ node: Node) {
        guard let scalar = node.scalar else { return nil }
        text = scalar.string
        isQuoted = scalar.style == .singleQuoted || scalar.style == .doubleQuoted
    }

    /// Nothing, or one of YAML's words for it.
    var isNull: Bool { !isQuoted && ["", "~", "null", "Null", "NULL"].contains(text) }

    /// What an integer can be.
    enum Number: Hashable {
        case value(Int)
        /// Decimal, and beyond what 64 bits hold.
        case tooLarge
        /// Decimal digits behind a zero or a plus: octal to some readers.
        case ambiguous
        case notDecimal
    }

    /// Decimal digits without quotes, a minus sign before them.
    var number: Number {
        guard !isQuoted else { return .notDecimal }
        let digits = text.hasPrefix("-") || text.hasPrefix("+") ? text.dropFirst() : text[...]
        guard !digits.isEmpty, digits.utf8.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }) else {
            return .notDecimal
        }
        guard !text.hasPrefix("+"), digits == "0" || !digits.hasPrefix("0") else { return .ambiguous }
        return Int(text).map(Number.value) ?? .tooLarge
    }

    /// Exactly `true` or `false`, without quotes: YAML's further words for them are names to others.
    var flag: Bool? {
        switch (isQuoted, text) {
        case (false, "true"): true
        case (false, "false"): false
        default: nil
        }
    }
}
