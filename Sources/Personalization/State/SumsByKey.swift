// Many counters of one user under their keys.

package import ClusterModel
package import MergeableState

/// Bucketed sums by key, kept sorted: a user has a handful of keys. Keys come from authenticated attributes, so their
/// number is bounded by the catalogue's categories and languages.
package struct SumsByKey<Key: Hashable & Comparable & Sendable>: Sendable {
    package struct Entry: Hashable, Sendable {
        package var key: Key
        package var sums: BucketedSums

        package init(key: Key, sums: BucketedSums) {
            self.key = key
            self.sums = sums
        }
    }

    /// Ascending by key. One whose buckets cancelled out stays, because its newest bucket still keeps older ones out:
    /// forgetting it would make the outcome depend on the order of arrival.
    package private(set) var entries: [Entry] = []

    package init() {}

    /// The entries that say something: what equality and digest see.
    package var visibleEntries: [Entry] { entries.filter { !$0.sums.buckets.isEmpty } }

    /// The sum over all buckets of one key. Complexity: O(keys + buckets).
    package func total(of key: Key) -> Int64 {
        entries.first { $0.key == key }?.sums.buckets.reduce(0) { $0 &+ $1.sum } ?? 0
    }

    /// Complexity: O(keys + buckets).
    package mutating func add(_ amount: Int64, to key: Key, at time: WallTime) {
        let place = entries.firstIndex { $0.key >= key } ?? entries.count
        if place == entries.count || entries[place].key != key {
            let sums = BucketedSums(width: StateLimits.interestBucket, limit: StateLimits.interestBuckets)
            entries.insert(Entry(key: key, sums: sums), at: place)
        }
        entries[place].sums.add(amount, at: time)
    }

    /// S9. A counter whose newest bucket is covered by the cut has nothing left to keep out.
    package mutating func erase(upTo cut: WallTime) {
        for index in entries.indices { entries[index].sums.erase(upTo: cut) }
        entries.removeAll { $0.sums.buckets.isEmpty && $0.sums.newest &* $0.sums.width <= cut.milliseconds }
    }

    mutating func insert(restored entry: Entry) { entries.append(entry) }
}

extension SumsByKey: Hashable {
    package static func == (lhs: Self, rhs: Self) -> Bool { lhs.visibleEntries == rhs.visibleEntries }

    package func hash(into hasher: inout Hasher) { hasher.combine(visibleEntries) }
}
