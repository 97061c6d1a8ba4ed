// `grpc-timeout`: at most eight digits and a unit (grpc/doc/PROTOCOL-HTTP2.md).

/// Text of a call's timeout.
package enum CallTimeout {
    /// The longest value: eight digits and the unit.
    package static let maxByteCount = 9

    private static let units: [(letter: UInt8, nanoseconds: Int64)] = [
        (UInt8(ascii: "n"), 1), (UInt8(ascii: "u"), 1_000), (UInt8(ascii: "m"), 1_000_000),
        (UInt8(ascii: "S"), 1_000_000_000), (UInt8(ascii: "M"), 60_000_000_000), (UInt8(ascii: "H"), 3_600_000_000_000),
    ]
    private static let maxValue: Int64 = 99_999_999

    /// The duration that `text` names, at most 292 years; nil when it is not a timeout.
    package static func parse(_ text: Span<UInt8>) -> Duration? {
        guard (2...maxByteCount).contains(text.count),
            let unit = units.first(where: { $0.letter == text[text.count - 1] })
        else { return nil }
        var value: Int64 = 0
        for index in 0..<text.count - 1 {
            let digit = text[index]
            guard (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(digit) else { return nil }
            value = value * 10 + Int64(digit - UInt8(ascii: "0"))
        }
        let (nanoseconds, overflow) = value.multipliedReportingOverflow(by: unit.nanoseconds)
        return .nanoseconds(overflow ? Int64.max : nanoseconds)
    }

    /// The finest unit that holds `nanoseconds`, rounded up so that a callee never gives up before the caller. A value
    /// that is not positive becomes "0n".
    package static func format(nanoseconds: Int64) -> [UInt8] {
        guard nanoseconds > 0 else { return Array("0n".utf8) }
        for unit in units {
            let value = (nanoseconds - 1) / unit.nanoseconds + 1
            if value <= maxValue { return Array(String(value).utf8) + [unit.letter] }
        }
        return Array("\(maxValue)H".utf8)
    }
}
