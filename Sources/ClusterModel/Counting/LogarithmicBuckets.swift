// Counts in buckets of bounded relative error, after the idea of HdrHistogram (Tene): powers of two, each cut evenly.

/// Counts whole numbers within 1/2^`bitsPerOctave` of their value; those beyond the last bucket count there. Fixed size. A
/// value; one owner.
package struct LogarithmicBuckets: Hashable, Sendable {
    private let bitsPerOctave: Int
    private var counts: [UInt64]

    /// Numbers below 2^`octaves` are told apart. `bitsPerOctave` in 1...8, `octaves` above it and at most 63.
    package init(bitsPerOctave: Int, octaves: Int) {
        self.bitsPerOctave = min(max(bitsPerOctave, 1), 8)
        let rows = min(max(octaves, self.bitsPerOctave + 1), 63) - self.bitsPerOctave + 1
        counts = Array(repeating: 0, count: rows << self.bitsPerOctave)
    }

    /// Complexity: O(buckets).
    package var count: UInt64 { counts.reduce(0, &+) }

    /// Complexity: O(1), no allocation.
    package mutating func record(_ value: UInt64) { counts[min(bucket(of: value), counts.count - 1)] &+= 1 }

    /// Adds another's counts; both were made alike.
    package mutating func merge(_ other: LogarithmicBuckets) {
        for index in counts.indices { counts[index] &+= other.counts[index] }
    }

    /// Takes an earlier value's counts away; both were made alike.
    package mutating func subtract(_ earlier: LogarithmicBuckets) {
        for index in counts.indices { counts[index] &-= earlier.counts[index] }
    }

    /// The largest number of the bucket in which the share `fraction` (0...1) of all is reached; nil without any.
    package func quantile(_ fraction: Double) -> UInt64? {
        let total = count
        guard total > 0 else { return nil }
        let rank = max(1, UInt64((Double(total) * min(1, max(0, fraction))).rounded(.up)))
        var seen: UInt64 = 0
        for (index, count) in counts.enumerated() {
            seen &+= count
            if seen >= rank { return upperEdge(of: index) }
        }
        return upperEdge(of: counts.count - 1)
    }

    private func bucket(of value: UInt64) -> Int {
        let width = 64 - value.leadingZeroBitCount
        guard width > bitsPerOctave else { return Int(value) }
        let shift = width - bitsPerOctave - 1
        return (shift + 1) << bitsPerOctave + Int(value >> UInt64(shift)) - 1 << bitsPerOctave
    }

    private func upperEdge(of bucket: Int) -> UInt64 {
        let octave = bucket >> bitsPerOctave
        guard octave > 0 else { return UInt64(bucket) }
        let within = UInt64(bucket & (1 << bitsPerOctave - 1))
        return ((within + 1 << UInt64(bitsPerOctave)) + 1) << UInt64(octave - 1) - 1
    }
}
