// What a shard's or a token's refusal means to a caller.

import ClusterModel
import MergeableState
import Personalization

extension Refusal {
    /// - Parameter now: named to the caller where its clock may be the cause.
    init(_ error: ShardError, session: VersionVector? = nil, now: WallTime) {
        switch error {
        case .logFenced:
            self.init(.logFenced, "the log takes no appends: try another region")
        case .backlogFull:
            self.init(.backlogFull, "too much waits for the disk already")
        case .noSpace:
            self.init(.noSpace, "the node's disk is full")
        case .notServing:
            self.init(.shardNotServing, "the user's shard is not serving here yet, or not any more")
        case .notEnoughRegions(let available):
            self = .notEnoughRegions(available: available)
        case .catalogueFull(.items):
            self.init(
                .catalogueFull,
                "the catalogue has as many items as limits.contents allows: withdraw some, expired ones count too")
        case .catalogueFull(.tombstones):
            self.init(
                .tombstonesFull,
                "as many withdrawn ids are remembered as may be: each leaves once every region is some ten minutes past "
                    + "its withdrawal, so try again later; items that are in the catalogue can be withdrawn at any time"
            )
        case .idRefused(let verdict):
            self.init(verdict == .tooNew ? EventRefusal.idTooNew : .idTooOld, now: now)
        case .unknownWithdrawal(let id):
            self.init(
                .unknownWithdrawal,
                "cancels: no withdrawal \(id) of this user is known here: it may be on its way from another region, so try "
                    + "again, or leave cancels empty to cancel all that are known",
                metadata: [("field", "cancels")])
        case .sessionNotSatisfied(let applied):
            self.init(
                .sessionNotSatisfied, "this region has not applied what the session names yet",
                metadata: [
                    ("session", Self.positions(session ?? VersionVector())), ("applied", Self.positions(applied)),
                    ("server_time_ms", String(now.milliseconds)),
                ])
        case .sessionTooOld:
            self.init(
                .tokenTooOld,
                "the session token is from before more restarts than anybody remembers: go on without it")
        case .clockUntrusted:
            self.init(
                .clockUntrusted, "this node does not trust its clock and takes no writes: try another region")
        case .startsUnsettled(let reason):
            self.init(.startsUnsettled, "\(reason): try another region")
        case .rebuilding:
            self.init(.rebuilding, "the user's shard is folded anew from its logs")
        case .remoteNotReached(let reached):
            self.init(
                .remoteNotReached,
                "the deadline came when \(reached) other regions held the events; outcome unknown: "
                    + "retry with the same ids",
                metadata: [("reached", String(reached))])
        }
    }

    static func notEnoughRegions(available: Int) -> Refusal {
        Refusal(
            .notEnoughRegions, "REMOTE durability asks for more regions than the \(available) others there are",
            metadata: [("available", String(available))])
    }

    /// A session token that cannot be used here (S12).
    init(sessionToken error: TokenError) {
        let reason: ErrorReason =
            switch error {
            case .unknownKey: .sessionTokenKeyUnknown
            case .badSignature, .malformed: .sessionTokenInvalid
            case .foreignDeployment: .sessionTokenForeignDeployment
            case .foreignPartition: .sessionTokenForeignPartition
            }
        self.init(reason, "session_token: \(error)", metadata: [("field", "session_token")])
    }

    /// The refusal of a call that carries one event only.
    init(_ refusal: EventRefusal, now: WallTime) {
        let time = [(key: "server_time_ms", value: String(now.milliseconds))]
        switch refusal {
        case .idTooOld:
            self.init(.eventIDTooOld, "the id's time is too long ago: make a new id", metadata: time)
        case .idTooNew:
            self.init(.eventIDTooNew, "the id's time lies in the future: calibrate the clock", metadata: time)
        case .shardFull:
            self.init(.shardFull, "the shard is at its bound of users, of contents without a token, or of event ids")
        case .unknownField, .itemTokenInvalid, .itemTokenForeignItem, .itemTokenKeyUnknown:
            self.init(.fieldOutOfBounds, "the event is refused: \(refusal.rawValue)")
        }
    }

    /// An erase is refused only where nothing is known of its user (S9).
    static var noRoomForErase: Refusal {
        Refusal(
            .shardFull,
            "nothing is known of this user here, and as many erasures of unknown users are remembered as may be: erase "
                + "in a region that knows the user, or try again later")
    }

    /// `region@incarnation:next`, comma-separated, the incarnation in hexadecimal.
    static func positions(_ vector: VersionVector) -> String {
        vector.entries.map {
            "\($0.region.rawValue)@\(String($0.incarnation.rawValue, radix: 16)):\($0.next.rawValue)"
        }.joined(separator: ",")
    }
}
