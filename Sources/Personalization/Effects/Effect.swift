// What the effect stream carries (S13): events that entered a state for the first time, and where that was.

package import ClusterModel
package import MergeableState

/// A user event with an effect. A later copy of it, in whatever log, has none (S5).
package struct Effect: Hashable, Sendable {
    /// The event's id and the digest of its body: what a consumer tells repetitions by.
    package var key: MergeOrder
    package var event: UserEvent
    /// When its writer stamped the record.
    package var stamp: HybridStamp
    package var partition: PartitionID
    /// The record that had the effect here. Elsewhere it may have been a copy in another log.
    package var region: RegionNumber
    package var incarnation: Incarnation
    package var offset: Offset
    /// Bytes of the record, for bounds.
    package var bytes: Int

    package init(
        key: MergeOrder, event: UserEvent, stamp: HybridStamp, partition: PartitionID, region: RegionNumber,
        incarnation: Incarnation, offset: Offset, bytes: Int
    ) {
        self.partition = partition
        self.key = key
        self.event = event
        self.stamp = stamp
        self.region = region
        self.incarnation = incarnation
        self.offset = offset
        self.bytes = bytes
    }
}

/// A stretch of one log that was read, with its effects in offset order: none for time marks and repetitions.
package struct EffectItem: Hashable, Sendable {
    package var region: RegionNumber
    package var incarnation: Incarnation
    /// The offset after the stretch.
    package var next: Offset
    /// Set where the stretch agrees on the ends of this origin's incarnations below it, all of them read to their ends.
    package var settled: Incarnation?
    package var effects: [Effect]

    package init(
        region: RegionNumber, incarnation: Incarnation, next: Offset, settled: Incarnation? = nil,
        effects: [Effect] = []
    ) {
        self.region = region
        self.incarnation = incarnation
        self.next = next
        self.settled = settled
        self.effects = effects
    }

    /// What the item counts for against bounds.
    package var bytes: Int { Self.ownBytes + effects.bytes }

    private static let ownBytes = 64
}

extension [Effect] {
    /// Of their records.
    var bytes: Int { reduce(0) { $0 + $1.bytes } }
}
