// What a bootstrap asks of the mirror (S5): which logs cannot be had from their first records, and that they go on elsewhere.

package import ClusterModel
import EventLog
package import NodeEnvironment
import Synchronization

extension RegionMirror {
    /// Gives snapshots to other members; to be listened with on the mesh.
    package func snapshotService(_ shelf: any SnapshotShelf) -> any CallHandler {
        SnapshotService(core: core, shelf: shelf, mirror: mirrorService)
    }

    /// Gets snapshots of other members. `disk`: a thread that may block for long.
    package func snapshotFetch(on disk: any DedicatedExecutor) -> SnapshotFetch {
        SnapshotFetch(core: core, disk: disk)
    }

    /// What this start writes itself; zero while it writes nothing yet.
    package var writtenIncarnation: Incarnation { core.incarnation }

    /// Logs that nobody who is connected holds from where this disk ends, because it is trimmed. Complexity: O(logs x peers).
    package func shortLogs() -> [LogIdentity] {
        core.state.withLock { state in
            let lineage = state.lineage
            return state.follower?.short(lineage) ?? []
        }
    }

    /// Logs that have left everywhere before this disk had them to their agreed ends (S1b).
    package func leftLogs() -> [LogIdentity] {
        core.state.withLock { state in state.follower?.left(state.lineage) ?? [] }
    }

    /// The agreed end of an older incarnation, as far as it was heard of (S1a).
    package func agreedEnd(of log: LogIdentity) -> Offset? { core.facts.servedEnd(of: log) }

    /// Whether a log is being pulled and will reach `offset`.
    package func isComing(_ log: LogIdentity, to offset: Offset) -> Bool {
        core.state.withLock { $0.follower?.isComing(log, to: offset, $0.lineage) ?? false }
    }

    /// The engine holds these logs from other places on than it did: pulls go on there.
    package func onAdopted(_ logs: [LogIdentity]) {
        let summaries = logs.compactMap { core.log.summary(of: $0) }
        core.state.withLock { state in
            for summary in summaries { state.follower?.onAdopted(summary) }
        }
    }
}
