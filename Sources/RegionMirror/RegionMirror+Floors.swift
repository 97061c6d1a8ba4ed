// Up to where every other member has flushed each log: nothing beyond it is trimmed (S5).

package import ClusterModel
import EventLog
import Synchronization

/// The member that is farthest behind in a log.
package struct MemberFloor: Hashable, Sendable {
    /// `Offset(.max)` where every member has reached the log's agreed end.
    package var offset: Offset
    package var slowest: RegionNumber?

    package init(offset: Offset, slowest: RegionNumber? = nil) {
        self.offset = offset
        self.slowest = slowest
    }
}

extension RegionMirror {
    /// Of every log that is held here. A member whose link is down has flushed nothing of other regions' logs, as far as
    /// anyone knows: it holds them until it is back. Complexity: O(logs x peers).
    package func memberFloors() -> [LogIdentity: MemberFloor] {
        let held = core.log.logs()
        var floors: [LogIdentity: MemberFloor] = [:]
        floors.reserveCapacity(held.count)
        for summary in held {
            var floor = MemberFloor(offset: Offset(.max))
            for peer in core.settings.peers.map(\.region).sorted() {
                let flushed = core.flushed(summary.log, by: peer)
                if flushed < floor.offset { floor = MemberFloor(offset: flushed, slowest: peer) }
            }
            floors[summary.log] = floor
        }
        return floors
    }
}

extension MirrorCore {
    /// As cursors say for own logs (S11), and heads of its link for all others. A head on another chain counts for nothing.
    fileprivate func flushed(_ log: LogIdentity, by peer: RegionNumber) -> Offset {
        let (cursor, head, end) = state.withLock { state in
            (
                state.cursors.offset(of: peer, in: log), state.follower?.head(of: log, at: peer),
                state.lineage.servedEnd(of: log)
            )
        }
        var flushed = cursor ?? .zero
        if let head, self.log.chainDigest(of: log, at: head.flushedEnd).map({ $0 == head.endDigest }) ?? true {
            flushed = max(flushed, head.flushedEnd)
        }
        guard let end, flushed >= end else { return flushed }
        return Offset(.max)
    }
}
