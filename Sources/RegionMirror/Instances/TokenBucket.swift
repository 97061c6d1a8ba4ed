// The rate of one link. Pure.

package import ClusterModel

/// Lets `rate` bytes a second pass, and a second's worth at once. A value.
package struct TokenBucket: Sendable {
    private let rate: UInt64
    /// When everything that was taken is paid for.
    private var paidUntil: BootInstant?

    package init(bytesPerSecond rate: UInt64) { self.rate = max(rate, 1) }

    /// Takes `bytes` and returns how long to wait before more may be taken.
    package mutating func take(_ bytes: Int, at now: BootInstant) -> Duration {
        let price = Duration.nanoseconds(
            Int64(clamping: UInt64(clamping: bytes).multipliedFullWidth(by: 1_000_000_000, over: rate)))
        let earliest = now.advanced(by: .seconds(-1))
        let from = max(paidUntil ?? earliest, earliest)
        let until = from.advanced(by: price)
        paidUntil = until
        return max(.zero, until.since(now))
    }
}

extension UInt64 {
    /// `self * factor / divisor`, saturated.
    fileprivate func multipliedFullWidth(by factor: UInt64, over divisor: UInt64) -> UInt64 {
        let product = multipliedFullWidth(by: factor)
        guard product.high < divisor else { return .max }
        return divisor.dividingFullWidth(product).quotient
    }
}
