// What the kept snapshots cover: logs are trimmed behind them (S5, S8).

package import ClusterModel
import MergeableState
import NodeEnvironment
package import Personalization
package import RegionMirror

/// The lines of the newest snapshots of each owner that verify, as many as are kept, as they were read from the disk when one
/// was written or restored. A value.
package struct SnapshotCoverage: Sendable {
    private var kept: [SnapshotOwner: [SnapshotStore.Kept]] = [:]

    package init() {}

    /// These stand on the disk and verify, and no others do.
    package mutating func onVerified(_ owner: SnapshotOwner, _ kept: [SnapshotStore.Kept]) { self.kept[owner] = kept }

    /// Owners of `all` with fewer than two: their logs wait.
    package func unpaired(of all: [SnapshotOwner]) -> Int {
        all.count { kept[$0, default: []].count < GenerationChoice.kept }
    }

    /// Up to where the oldest kept snapshot holds all of a log; zero while there are fewer than are to be kept.
    package func covered(_ log: LogIdentity) -> Offset {
        guard let oldest = oldest(log.name) else { return .zero }
        return oldest.covered(of: log.incarnation, in: log.name.region)
    }

    /// What every kept snapshot of an owner stands on, by origin (S1b): the older one may have to serve. Empty while there are
    /// fewer than are to be kept.
    package func published(_ owner: SnapshotOwner) -> [LineBase] {
        guard let oldest = oldest(owner) else { return [] }
        return oldest.vector.bases.sorted { $0.key < $1.key }.map { region, point in
            LineBase(name: LogName(region: region, topic: owner.topic, partition: owner.partition), point: point)
        }
    }

    /// Whether a further snapshot would stand on more than the oldest kept one does.
    package func isBehind(_ owner: SnapshotOwner) -> Bool {
        let ordered = (kept[owner] ?? []).sorted { $0.generation < $1.generation }
        guard let first = ordered.first, let last = ordered.last else { return false }
        return first.lines.vector.bases != last.lines.vector.bases
    }

    /// Stamps below which event ids of the partition may be forgotten (S4, S5), as the oldest kept snapshot knows members'
    /// times: an id is at most F above its stamp. Zero while a member has no time.
    package func forgettable(_ name: LogName, members: [RegionNumber], bounds: TimeBounds) -> HybridStamp {
        guard let time = oldest(name)?.time(over: members) else { return .zero }
        return HybridStamp(at: time.advanced(by: .zero - bounds.maxFuture - bounds.forgetAfter))
    }

    private func oldest(_ name: LogName) -> OriginLines? {
        oldest(name.topic == .content ? .content : .shard(name.partition))
    }

    private func oldest(_ owner: SnapshotOwner) -> OriginLines? {
        let kept = kept[owner] ?? []
        guard kept.count >= GenerationChoice.kept else { return nil }
        return kept.min { $0.generation < $1.generation }?.lines
    }
}
