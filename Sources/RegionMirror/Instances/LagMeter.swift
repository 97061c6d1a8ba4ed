// How long batches take from their origin's stamp to this region's disk. Pure.

package import ClusterModel

/// Quantiles over the last half to whole minute, in buckets an eighth of a power of two wide. A value of fixed size.
package struct LagMeter: Sendable {
    private static let window: Duration = .seconds(30)
    /// Up to 2^26 ms.
    private static let empty = LogarithmicBuckets(bitsPerOctave: 3, octaves: 26)

    private var current = empty
    private var previous = empty
    private var begun: BootInstant?

    package init() {}

    package mutating func record(milliseconds: UInt64, at now: BootInstant) {
        rotate(now)
        current.record(milliseconds)
    }

    /// The upper bound of the bucket in which the quantile lies; nil without samples.
    package func quantile(_ fraction: Double, at now: BootInstant) -> Double? {
        var meter = self
        meter.rotate(now)
        meter.current.merge(meter.previous)
        // Up to 8 ms a bucket is one number; a wider one is told by where it ends.
        return meter.current.quantile(fraction).map { Double($0) + ($0 < 8 ? 0 : 1) }
    }

    private mutating func rotate(_ now: BootInstant) {
        let age = begun.map { now.since($0) } ?? .zero
        if begun == nil || age >= Self.window { begun = now }
        guard age >= Self.window else { return }
        previous = age >= Self.window * 2 ? Self.empty : current
        current = Self.empty
    }
}
