// Latencies in buckets of bounded relative error, after the idea of HdrHistogram (Tene): powers of two, each cut evenly.

/// Counts durations in microseconds up to 2^32 (71 minutes; longer ones count there) within 1/32 of their value. About
/// 7 KB, whatever it counts. A value type; one owner.
package struct LatencyHistogram: Hashable, Sendable {
    private static let bitsPerOctave = 5
    private static let octaves = 32 - bitsPerOctave + 1

    private var counts = Array(repeating: UInt64(0), count: (octaves + 1) << bitsPerOctave)
    package private(set) var count: UInt64 = 0
    package private(set) var maximumMicroseconds: UInt64 = 0

    package init() {}

    /// Complexity: O(1), no allocation.
    package mutating func record(_ duration: Duration) {
        let value = UInt64(max(0, duration / .microseconds(1)))
        counts[Self.index(min(value, UInt64(UInt32.max)))] += 1
        count += 1
        maximumMicroseconds = max(maximumMicroseconds, value)
    }

    package mutating func merge(_ other: LatencyHistogram) {
        for index in counts.indices { counts[index] += other.counts[index] }
        count += other.count
        maximumMicroseconds = max(maximumMicroseconds, other.maximumMicroseconds)
    }

    /// The upper edge of the bucket that holds the quantile, never above the maximum; 0 when nothing was counted.
    /// `fraction` in 0...1.
    package func quantileMicroseconds(_ fraction: Double) -> UInt64 {
        let rank = max(1, UInt64((Double(count) * fraction).rounded(.up)))
        var seen: UInt64 = 0
        for index in counts.indices {
            seen += counts[index]
            if seen >= rank { return min(Self.upperEdge(index), maximumMicroseconds) }
        }
        return maximumMicroseconds
    }

    private static func index(_ value: UInt64) -> Int {
        let width = 64 - value.leadingZeroBitCount
        guard width > bitsPerOctave else { return Int(value) }
        let shift = width - bitsPerOctave - 1
        let octave = shift + 1
        return octave << bitsPerOctave + Int(value >> UInt64(shift)) - 1 << bitsPerOctave
    }

    private static func upperEdge(_ index: Int) -> UInt64 {
        let octave = index >> bitsPerOctave
        guard octave > 0 else { return UInt64(index) }
        let within = UInt64(index & (1 << bitsPerOctave - 1))
        let shift = UInt64(octave - 1)
        return ((within + 1 << UInt64(bitsPerOctave)) + 1) << shift - 1
    }
}
