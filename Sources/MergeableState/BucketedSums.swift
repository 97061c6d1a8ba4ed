// Integer sums in buckets of time: the third merge primitive.

package import ClusterModel

/// Adds into the bucket of an event's id time and keeps the newest `limit` buckets: the range (max - limit, max] of this
/// counter (S3). Adding commutes; a bucket below the range never returns, because the maximum never falls. Sums are not
/// idempotent: the id index lets each event in once (S5). The maximum is bookkeeping, outside equality and digest.
package struct BucketedSums: Sendable {
    package struct Bucket: Hashable, Sendable {
        /// Id time divided by the bucket's width.
        package var index: UInt64
        package var sum: Int64

        package init(index: UInt64, sum: Int64) {
            self.index = index
            self.sum = sum
        }
    }

    /// Milliseconds, at least 1.
    package let width: UInt64
    /// At least 1.
    package let limit: Int
    /// Ascending by index; none is zero.
    package private(set) var buckets: [Bucket] = []
    /// The highest bucket ever added to: in snapshots, so that what left the range stays out after a restore.
    package private(set) var newest: UInt64 = 0

    package init(width: Duration, limit: Int) {
        self.width = max(1, width.wholeMilliseconds)
        self.limit = max(1, limit)
    }

    /// Restores what a snapshot kept. Nil unless buckets ascend, lie in the range of `newest`, and none is zero.
    package init?(width: Duration, limit: Int, buckets: [Bucket], newest: UInt64) {
        self.init(width: width, limit: limit)
        guard buckets.count <= self.limit, buckets.allSatisfy({ $0.sum != 0 && $0.index <= newest }),
            zip(buckets, buckets.dropFirst()).allSatisfy({ $0.index < $1.index })
        else { return nil }
        self.newest = newest
        self.buckets = buckets
        guard buckets.allSatisfy({ isKept($0.index) }) else { return nil }
    }

    /// Adds modulo 2^64, so that any order of adding gives the same sum. Complexity: O(limit).
    package mutating func add(_ amount: Int64, at time: WallTime) {
        let index = time.milliseconds / width
        if index > newest {
            newest = index
            buckets.removeAll { [limit, newest] in $0.index &+ UInt64(limit) <= newest }
        }
        guard isKept(index) else { return }
        let place = buckets.firstIndex { $0.index >= index } ?? buckets.count
        if place == buckets.count || buckets[place].index != index {
            buckets.insert(Bucket(index: index, sum: 0), at: place)
        }
        buckets[place].sum &+= amount
        if buckets[place].sum == 0 { buckets.remove(at: place) }
    }

    /// S9: a bucket counts only when its start lies after the cut.
    package mutating func erase(upTo cut: WallTime) {
        buckets.removeAll { [width] in $0.index &* width <= cut.milliseconds }
    }

    /// Whether what is added at `time` counts after an erase with this cut (S9).
    package func counts(_ time: WallTime, after cut: WallTime?) -> Bool {
        cut.map { startsAfter($0, time.milliseconds / width) } ?? true
    }

    private func isKept(_ index: UInt64) -> Bool { index &+ UInt64(limit) > newest }

    private func startsAfter(_ cut: WallTime, _ index: UInt64) -> Bool { index &* width > cut.milliseconds }
}

extension BucketedSums: Hashable {
    package static func == (lhs: Self, rhs: Self) -> Bool {
        (lhs.width, lhs.limit) == (rhs.width, rhs.limit) && lhs.buckets == rhs.buckets
    }

    package func hash(into hasher: inout Hasher) { hasher.combine(buckets) }
}
