// Each event once: the state that the same events must give whatever their origins, order and repetitions (S3, S5).

package import ClusterModel
package import EventLog
package import MergeableState
package import Personalization

/// A second fold that knows no origins and no id index: the first record of each (id, body) is applied, copies are not.
/// Its states must equal the states that the logs' own fold leaves behind. A value.
package struct EffectReference: Sendable {
    package private(set) var states: [PartitionID: ShardState] = [:]
    /// Every (id, body) that stands in the logs.
    package private(set) var events: Set<MergeOrder> = []
    /// Records beyond the first of their (id, body): retries that another region's log took too.
    package private(set) var copies: UInt64 = 0
    private var next: [PartitionID: Offset] = [:]

    /// All events stand in one made-up log.
    private static let line = (region: RegionNumber(0), incarnation: Incarnation(0))

    package init() {}

    /// Takes a user event of that partition.
    package mutating func take(_ record: EventRecord, in partition: PartitionID) throws(ApplyError) {
        guard events.insert(MergeOrder(id: record.id, bodyDigest: record.bodyDigest)).inserted else {
            copies += 1
            return
        }
        let offset = next[partition] ?? .zero
        var anonymous = record
        // A state does not depend on it (S3), but for how far an id may lie ahead of it.
        anonymous.stamp = HybridStamp(rawValue: record.id.time)
        try states[partition, default: ShardState(partition: partition)].apply(
            anonymous, in: Self.line.region, Self.line.incarnation, at: offset)
        next[partition] = offset.advanced(by: 1)
    }

    /// The partitions where `other` has another digest. A partition without users has none in either.
    package func differences(from other: [PartitionID: ShardState]) -> [PartitionID] {
        Set(states.keys).union(other.keys).sorted().filter { partition in
            var (mine, theirs) = (states[partition], other[partition])
            let empty = ShardState(partition: partition)
            if mine == nil { mine = empty }
            if theirs == nil { theirs = empty }
            return mine?.digest() != theirs?.digest()
        }
    }

    /// How many more interactions `other` counts than stand in the logs, each counted once; 0 where it counts fewer.
    package func surplus(of other: [PartitionID: ShardState]) -> Int64 {
        max(0, Self.interactions(other) - Self.interactions(states))
    }

    private static func interactions(_ states: [PartitionID: ShardState]) -> Int64 {
        var counts = PopularityPartial.Counts()
        for state in states.values {
            for buckets in state.popularity.contents.values {
                for bucket in buckets { counts &+= bucket.counts }
            }
        }
        return counts.impressions &+ counts.clicks &+ counts.strong
    }
}
