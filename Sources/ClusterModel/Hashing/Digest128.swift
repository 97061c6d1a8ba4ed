// 128-bit digests: chain digests, user keys, state digests.

/// 128 bits, compared and printed big-endian.
package struct Digest128: Hashable, Comparable, Sendable {
    package let high: UInt64
    package let low: UInt64

    package init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }

    package static let zero = Digest128(high: 0, low: 0)

    package static func < (lhs: Self, rhs: Self) -> Bool { (lhs.high, lhs.low) < (rhs.high, rhs.low) }

    /// Addition modulo 2^128: the state digest's way of combining users (S10).
    package static func &+ (lhs: Self, rhs: Self) -> Self {
        let (low, carry) = lhs.low.addingReportingOverflow(rhs.low)
        return Digest128(high: lhs.high &+ rhs.high &+ (carry ? 1 : 0), low: low)
    }

    /// Subtraction modulo 2^128: takes a user's old encoding out of a state digest.
    package static func &- (lhs: Self, rhs: Self) -> Self {
        let (low, borrow) = lhs.low.subtractingReportingOverflow(rhs.low)
        return Digest128(high: lhs.high &- rhs.high &- (borrow ? 1 : 0), low: low)
    }
}

extension Digest128: LosslessStringConvertible {
    /// Nil unless the text is 32 hexadecimal digits.
    package init?(_ text: String) {
        guard text.utf8.count == 32, text.allSatisfy(\.isHexDigit),
            let high = UInt64(text.prefix(16), radix: 16), let low = UInt64(text.suffix(16), radix: 16)
        else { return nil }
        self.init(high: high, low: low)
    }

    package var description: String { Self.hex(high) + Self.hex(low) }

    private static func hex(_ value: UInt64) -> String {
        let digits = String(value, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }
}
