// How old other regions' records are when they are folded here.

package import ClusterModel

/// Ages of followed batches at their fold: wall clock here less the batch's last stamp, in milliseconds, in logarithmic
/// buckets of at most a quarter's width. Counts since the start; the difference of two is what happened between. A value.
package struct FreshnessHistogram: Hashable, Sendable {
    /// Ages of up to two hours are told apart; older ones count there.
    private var ages = LogarithmicBuckets(bitsPerOctave: 2, octaves: 23)

    package init() {}

    package var count: UInt64 { ages.count }

    /// A batch was folded at `now`. A stamp of the future, by a clock that is ahead, has age 0. Complexity: O(1).
    package mutating func record(_ stamp: HybridStamp, at now: WallTime) {
        ages.record(now.milliseconds - min(now.milliseconds, stamp.wallTime.milliseconds))
    }

    package mutating func merge(_ other: FreshnessHistogram) { ages.merge(other.ages) }

    /// What was recorded after `earlier`, a former value of the same histogram.
    package func since(_ earlier: FreshnessHistogram) -> FreshnessHistogram {
        var difference = self
        difference.ages.subtract(earlier.ages)
        return difference
    }

    /// The upper bound in milliseconds of the bucket in which the share `quantile` (0...1) of all ages is reached; nil
    /// without any.
    package func milliseconds(at quantile: Double) -> UInt64? { ages.quantile(quantile) }

    package var p50Milliseconds: UInt64? { milliseconds(at: 0.5) }
    package var p99Milliseconds: UInt64? { milliseconds(at: 0.99) }
}
