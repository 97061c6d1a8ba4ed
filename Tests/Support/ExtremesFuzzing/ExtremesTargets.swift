// All targets, by what they read.

import ClusterModel
import TransportFuzzing

package enum ExtremesTargets {
    /// Every target but the canary.
    package static func all() throws -> [any ExtremesTarget] {
        let mesh: [any ExtremesTarget] = [
            PullTarget(), ReplyTarget(), ReportTarget(), ClaimTarget(), LineageTarget(), SealsTarget(), ActorTarget(),
            OfferTarget(), PieceTarget(), GreetingTarget(), LineageBookTarget(),
        ]
        let logs: [any ExtremesTarget] = [
            BatchTarget(.userEvents), BatchTarget(.userEvents, compressing: true), BatchTarget(.content), BodyTarget(),
            ShardSnapshotTarget(), ContentSnapshotTarget(), JournalTarget(), GroupTarget(), OperatorJournalTarget(),
            IdentityTarget(),
        ]
        let instances: [any ExtremesTarget] = [ClockTarget(), TrimTarget(), SumsTarget()]
        let clients: [any ExtremesTarget] = [
            TokenTarget(), RequestTarget(), OperatorTarget(), ConfigurationTarget(), TimeoutTarget(),
            TransportTarget(try FramesTarget()),
            TransportTarget(try AnswersTarget()), TransportTarget(HeadersTarget()), TransportTarget(MessagesTarget()),
        ]
        return mesh + logs + instances + clients
    }

    /// The target of that name, the canary among them.
    package static func named(_ name: String) throws -> (any ExtremesTarget)? {
        (try all() + [TrappingTarget()]).first { $0.name == name }
    }
}
