// What the kept snapshots cover: logs are trimmed behind them (S5, S8).

package import ClusterModel
import MergeableState
package import Personalization
package import RegionMirror

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

    /// What every kept snapshot of a topic and partition stands on, by origin (S1b): the older one may have to serve. Empty
    /// while there are fewer than are to be kept.
    package func published(_ topic: TopicID, _ partition: PartitionID) -> [LineBase] {
        let name = LogName(region: RegionNumber(0), topic: topic, partition: partition)
        guard let oldest = oldest(name) else { return [] }
        return oldest.vector.bases.sorted { $0.key < $1.key }.map { region, point in
            LineBase(name: LogName(region: region, topic: topic, partition: partition), point: point)
        }
    }

    /// Whether a further snapshot would stand on more than the oldest kept one does.
    package func isBehind(_ topic: TopicID, _ partition: PartitionID) -> Bool {
        guard let lines = kept[Owner(topic: topic, partition: partition)], let newest = lines.last else { return false }
        return lines.first.map { $0.vector.bases != newest.vector.bases } ?? false
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
