// What the kept snapshots cover: logs are trimmed behind them (S5, S8).

package import ClusterModel
package import Personalization

/// The lines of the newest snapshots of each partition, as many as are kept on the disk, each verified when it was written
/// or restored. A value.
package struct SnapshotCoverage: Sendable {
    private struct Owner: Hashable {
        var topic: TopicID
        var partition: PartitionID
    }

    /// Oldest first.
    private var kept: [Owner: [OriginLines]] = [:]

    package init() {}

    /// A snapshot with these lines is on the disk and reads back.
    package mutating func onVerified(_ topic: TopicID, _ partition: PartitionID, _ lines: OriginLines) {
        var lines = (kept[Owner(topic: topic, partition: partition)] ?? []) + [lines]
        if lines.count > SnapshotStore.generations { lines.removeFirst() }
        kept[Owner(topic: topic, partition: partition)] = lines
    }

    /// Up to where the oldest kept snapshot holds all of a log; zero while there are fewer than are to be kept.
    package func covered(_ log: LogIdentity) -> Offset {
        guard let oldest = oldest(log.name) else { return .zero }
        return oldest.covered(of: log.incarnation, in: log.name.region)
    }

    /// Stamps below which event ids of the partition may be forgotten (S4, S5), as the oldest kept snapshot knows members'
    /// times: an id is at most F above its stamp. Zero while a member has no time.
    package func forgettable(_ name: LogName, members: [RegionNumber], bounds: TimeBounds) -> HybridStamp {
        guard let time = oldest(name)?.time(over: members) else { return .zero }
        return HybridStamp(at: time.advanced(by: .zero - bounds.maxFuture - bounds.forgetAfter))
    }

    private func oldest(_ name: LogName) -> OriginLines? {
        guard let lines = kept[Owner(topic: name.topic, partition: name.partition)],
            lines.count == SnapshotStore.generations
        else { return nil }
        return lines.first
    }
}
