// How old other regions' records are when they are folded here.

package import ClusterModel

/// Ages of followed batches at their fold: wall clock here less the batch's last stamp, in milliseconds, in logarithmic
/// buckets of at most a quarter's width. Counts since the start; the difference of two is what happened between. A value.
package struct FreshnessHistogram: Hashable, Sendable {
    /// Ages of up to 2^22 ms, over an hour, are told apart; older ones count there.
    private static let octaves = 22
    private static let bucketCount = 4 * octaves

    private var counts: [UInt64]

    package init() { counts = Array(repeating: 0, count: Self.bucketCount) }

    package var count: UInt64 { counts.reduce(0, &+) }

    /// A batch was folded at `now`. A stamp of the future, by a clock that is ahead, has age 0. Complexity: O(1).
    package mutating func record(_ stamp: HybridStamp, at now: WallTime) {
        counts[Self.bucket(of: now.milliseconds - min(now.milliseconds, stamp.wallTime.milliseconds))] &+= 1
    }

    package mutating func merge(_ other: FreshnessHistogram) {
        for index in counts.indices { counts[index] &+= other.counts[index] }
    }

    /// What was recorded after `earlier`, a former value of the same histogram.
    package func since(_ earlier: FreshnessHistogram) -> FreshnessHistogram {
        var difference = self
        for index in counts.indices { difference.counts[index] &-= earlier.counts[index] }
        return difference
    }

    /// The upper bound in milliseconds of the bucket in which the share `quantile` (0...1) of all ages is reached; nil
    /// without any.
    package func milliseconds(at quantile: Double) -> UInt64? {
        let total = count
        guard total > 0 else { return nil }
        let wanted = max(1, UInt64((Double(total) * min(1, max(0, quantile))).rounded(.up)))
        var seen: UInt64 = 0
        for (index, count) in counts.enumerated() {
            seen &+= count
            if seen >= wanted { return Self.upperBound(of: index) }
        }
        return nil
    }

    package var p50Milliseconds: UInt64? { milliseconds(at: 0.5) }
    package var p99Milliseconds: UInt64? { milliseconds(at: 0.99) }

    /// 0 to 7 ms have a bucket each; then four buckets an octave.
    private static func bucket(of age: UInt64) -> Int {
        guard age >= 8 else { return Int(age) }
        let octave = 63 - age.leadingZeroBitCount
        return min(bucketCount - 1, 4 * (octave - 1) + Int(age >> UInt64(octave - 2)) & 3)
    }

    private static func upperBound(of bucket: Int) -> UInt64 {
        guard bucket >= 8 else { return UInt64(bucket) }
        let (octave, quarter) = (bucket / 4 + 1, UInt64(bucket % 4))
        return (4 + quarter + 1) << UInt64(octave - 2) - 1
    }
}
