// What the kept snapshots cover: logs are trimmed behind them (S5, S8).

package import ClusterModel
import NodeEnvironment
package import Personalization

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

    /// Stamps below which event ids of the partition may be forgotten (S4, S5), as the oldest kept snapshot knows members'
    /// times: an id is at most F above its stamp. Zero while a member has no time.
    package func forgettable(_ name: LogName, members: [RegionNumber], bounds: TimeBounds) -> HybridStamp {
        guard let time = oldest(name)?.time(over: members) else { return .zero }
        return HybridStamp(at: time.advanced(by: .zero - bounds.maxFuture - bounds.forgetAfter))
    }

    private func oldest(_ name: LogName) -> OriginLines? {
        let kept = kept[name.topic == .content ? .content : .shard(name.partition)] ?? []
        guard kept.count >= GenerationChoice.kept else { return nil }
        return kept.min { $0.generation < $1.generation }?.lines
    }
}
