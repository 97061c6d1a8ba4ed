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
    /// anyone knows: it holds them until it is back. One whose published snapshot stands above a log needs nothing of it, and may
    /// have dropped it (S1b). Complexity: O(logs x peers).
    package func memberFloors() -> [LogIdentity: MemberFloor] {
        let held = core.log.logs()
        let peers = core.settings.peers.map(\.region).sorted()
        let settled = Dictionary(
            uniqueKeysWithValues: peers.map { ($0, core.floors.published(by: $0)) })
        var floors: [LogIdentity: MemberFloor] = [:]
        floors.reserveCapacity(held.count)
        for summary in held {
            var floor = MemberFloor(offset: Offset(.max))
            for peer in peers
            where summary.log.incarnation >= settled[peer]?[summary.log.name]?.number ?? Incarnation(0) {
                let flushed = core.flushed(summary.log, by: peer)
                if flushed < floor.offset { floor = MemberFloor(offset: flushed, slowest: peer) }
            }
            floors[summary.log] = floor
        }
        return floors
    }
}

extension MirrorCore.LinkState {
    /// How far the peer has our chain. `chain`: our digest at the head's end, nil where it is not known here.
    fileprivate mutating func onHead(_ head: LogSummary, chain: Digest128?) -> Offset {
        switch chain {
        case head.endDigest?: verifiedHeads[head.log] = head.flushedEnd
        case nil: break
        default: verifiedHeads[head.log] = nil
        }
        return min(verifiedHeads[head.log] ?? .zero, head.flushedEnd)
    }
}

extension MirrorCore {
    /// As cursors say for own logs (S11), and heads of its link for all others. A head on another chain counts for nothing, and
    /// one of which nobody here can tell counts as far as an earlier one was found on ours.
    fileprivate func flushed(_ log: LogIdentity, by peer: RegionNumber) -> Offset {
        let (cursor, head, end) = state.withLock { state in
            (
                state.cursors.offset(of: peer, in: log), state.follower?.head(of: log, at: peer),
                state.lineage.servedEnd(of: log)
            )
        }
        var flushed = cursor ?? .zero
        if let head {
            let chain = self.log.chainDigest(of: log, at: head.flushedEnd)
            flushed = max(flushed, state.withLock { $0.links[peer]?.onHead(head, chain: chain) ?? .zero })
        }
        guard let end, flushed >= end else { return flushed }
        return Offset(.max)
    }
}
