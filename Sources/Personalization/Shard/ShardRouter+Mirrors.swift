// What mirrors hear reaches the shard that it belongs to. Other topics' logs and partitions beyond this deployment's
// belong to nobody here: nothing is done with them.

package import ClusterModel
import Distributed
package import EventLog

extension ShardRouter: MirroredLogConsumer {
    package func logAppeared(_ log: LogIdentity) {
        give(log.name) {
            $0.follow(log)
        } orContent: {
            $0.follow(log)
        }
    }

    package func endsHeard(_ ends: AgreedEnds) {
        give(ends.name) {
            $0.learn(ends)
        } orContent: {
            $0.learn(ends)
        }
    }

    package func floorMoved(of name: LogName, to floor: EndsPoint) {
        give(name) {
            $0.prune(name.region, to: floor)
        } orContent: {
            $0.prune(name.region, to: floor)
        }
    }

    /// Nobody waits for another region to hold content.
    package func cursorMoved(of region: RegionNumber, in log: LogIdentity, holding held: Range<Offset>) {
        give(log.name) {
            $0.onCursor(of: region, in: log, holding: held)
        } orContent: { _ in
        }
    }

    /// S1a: appends agreed ends to the own log of that name. The caller has every member's seal.
    package func agree(_ name: LogName, _ ends: EndsRecord) {
        give(name) {
            $0.agree(ends)
        } orContent: {
            $0.agree(ends)
        }
    }

    private func give(
        _ name: LogName, to body: @escaping @Sendable (isolated UserShard) -> Void,
        orContent contentBody: @escaping @Sendable (isolated ContentShard) -> Void
    ) {
        switch name.topic {
        case .userEvents where name.partition.rawValue < UInt32(partitions.rawValue):
            later(Int(name.partition.rawValue), body)
        case .content where name.partition.rawValue == 0: laterForContent(contentBody)
        default: return
        }
    }
}
