// What a node knows of popularity: the sum over its partitions of the latest partial of each (S13).

package import ClusterModel

/// Partials are replaced, never added, so a shard that restarts, moves or sends the same partial twice is counted once.
/// Regions never exchange totals: mirrored events are in the partials already.
package struct PopularityTotals: Sendable {
    private var partials: [PartitionID: PopularityPartial] = [:]

    package init() {}

    /// Partitions that have sent a partial.
    package var partitionCount: Int { partials.count }

    /// The partition's partial is from now on this one. Complexity: O(1).
    package mutating func replace(_ partition: PartitionID, with partial: PopularityPartial) {
        partials[partition] = partial
    }

    /// The partition is no longer held by this node.
    package mutating func remove(_ partition: PartitionID) { partials[partition] = nil }

    /// Scores and lists as of `now`, for items that the catalogue knows and for counts of others. A bucket counts when it
    /// lies in (now - K, now], in whole hours; one of the future (a fast clock) counts as of now.
    /// Complexity: O(buckets of all partitions).
    package func snapshot(at now: WallTime, catalogue: CatalogueSnapshot) -> PopularitySnapshot {
        let hour = now.milliseconds / PopularityPartial.bucketMilliseconds
        var sums = PopularitySums()
        for (_, partial) in partials.sorted(by: { $0.key.rawValue < $1.key.rawValue }) {
            for (content, buckets) in partial.contents { sums.add(buckets, of: content, at: hour) }
        }
        return PopularitySnapshot(sums, at: now, catalogue: catalogue)
    }
}

/// The sums of all partitions, item by item, in integers: the order of adding does not matter.
struct PopularitySums: Sendable {
    struct Item: Sendable {
        var key: ContentKey
        /// P_h of clicks by `PopularityHalfLife.rawValue`, in units of 1 / `PopularityWeights.one`.
        var scores = SIMD8<Int64>(repeating: 0)
        var counts = PopularityPartial.Counts()
        /// Hours since the newest bucket with a click; `.max` without one.
        var hoursSinceClick = Int.max
    }

    private(set) var items: [Item] = []
    private(set) var places = ContentKeyTable()
    private(set) var impressions: Int64 = 0

    mutating func add(_ buckets: [PopularityPartial.Bucket], of content: ContentKey, at hour: UInt64) {
        let place = places[content] ?? append(content)
        for bucket in buckets {
            let age = bucket.index >= hour ? 0 : hour - bucket.index
            guard age < UInt64(StateLimits.popularityBuckets) else { continue }
            items[place].counts &+= bucket.counts
            items[place].scores &+= PopularityWeights.of(age: Int(age)) &* SIMD8(repeating: bucket.counts.clicks)
            impressions &+= bucket.counts.impressions
            if bucket.counts.clicks > 0 { items[place].hoursSinceClick = min(items[place].hoursSinceClick, Int(age)) }
        }
    }

    private mutating func append(_ content: ContentKey) -> Int {
        items.append(Item(key: content))
        places.insert(content, row: items.count - 1)
        return items.count - 1
    }
}
