// How long batches take from their origin's stamp to this region's disk. Pure.

package import ClusterModel

/// Quantiles over the last half to whole minute, in buckets an eighth of a power of two wide. A value of fixed size.
package struct LagMeter: Sendable {
    private static let window: Duration = .seconds(30)
    /// Eight a power of two, up to 2^26 ms.
    private static let buckets = 8 * 24

    private var current = [UInt32](repeating: 0, count: buckets)
    private var previous = [UInt32](repeating: 0, count: buckets)
    private var begun: BootInstant?

    package init() {}

    package mutating func record(milliseconds: UInt64, at now: BootInstant) {
        rotate(now)
        current[Self.bucket(milliseconds)] &+= 1
    }

    /// The upper bound of the bucket in which the quantile lies; nil without samples.
    package func quantile(_ fraction: Double, at now: BootInstant) -> Double? {
        var meter = self
        meter.rotate(now)
        let counts = zip(meter.current, meter.previous).map { UInt64($0) + UInt64($1) }
        let total = counts.reduce(0, +)
        guard total > 0 else { return nil }
        let rank = UInt64((Double(total) * min(max(fraction, 0), 1)).rounded(.up))
        var seen: UInt64 = 0
        for (bucket, count) in counts.enumerated() {
            seen += count
            if seen >= max(rank, 1) { return Self.upperBound(bucket) }
        }
        return Self.upperBound(Self.buckets - 1)
    }

    private mutating func rotate(_ now: BootInstant) {
        let age = begun.map { now.since($0) } ?? .zero
        if begun == nil || age >= Self.window { begun = now }
        guard age >= Self.window else { return }
        let empty = [UInt32](repeating: 0, count: Self.buckets)
        previous = age >= Self.window * 2 ? empty : current
        current = empty
    }

    private static func bucket(_ value: UInt64) -> Int {
        guard value >= 8 else { return Int(value) }
        let exponent = 63 - value.leadingZeroBitCount
        let part = Int((value >> (exponent - 3)) & 7)
        return min(buckets - 1, (exponent - 2) * 8 + part)
    }

    private static func upperBound(_ bucket: Int) -> Double {
        guard bucket >= 8 else { return Double(bucket) }
        let (exponent, part) = (bucket / 8 + 2, bucket % 8)
        return Double(8 + part + 1) * Double(1 << (exponent - 3))
    }
}
