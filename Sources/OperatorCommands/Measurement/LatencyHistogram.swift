// Latencies in buckets of bounded relative error.

import ClusterModel

/// Counts durations in microseconds up to 2^32 (71 minutes; longer ones count there) within 1/32 of their value. About
/// 7 KB, whatever it counts. A value type; one owner.
package struct LatencyHistogram: Hashable, Sendable {
    private var buckets = LogarithmicBuckets(bitsPerOctave: 5, octaves: 32)
    package private(set) var count: UInt64 = 0
    package private(set) var maximumMicroseconds: UInt64 = 0

    package init() {}

    /// Complexity: O(1), no allocation.
    package mutating func record(_ duration: Duration) {
        let value = UInt64(max(0, duration / .microseconds(1)))
        buckets.record(value)
        count += 1
        maximumMicroseconds = max(maximumMicroseconds, value)
    }

    package mutating func merge(_ other: LatencyHistogram) {
        buckets.merge(other.buckets)
        count += other.count
        maximumMicroseconds = max(maximumMicroseconds, other.maximumMicroseconds)
    }

    /// The upper edge of the bucket that holds the quantile, never above the maximum; 0 when nothing was counted.
    /// `fraction` in 0...1.
    package func quantileMicroseconds(_ fraction: Double) -> UInt64 {
        min(buckets.quantile(fraction) ?? 0, maximumMicroseconds)
    }
}
