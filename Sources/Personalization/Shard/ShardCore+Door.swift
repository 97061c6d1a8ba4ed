// The door of a shard: which events it lets in, which it knows already, and what only it can write into them (S4, S5, S9).

import ClusterModel
import EventLog
import MergeableState

extension ShardCore {
    /// How an event is known again: by id and body, a change of consent by its id, since every door lists in its body what
    /// it has seen itself.
    private func key(of event: UserEvent, _ id: EventID, body: [UInt8]) -> MergeOrder {
        guard case .consent(let consent) = event else {
            return MergeOrder(id: id, bodyDigest: SHA256.hash(body).prefix128.high)
        }
        return .change(consent, id)
    }

    /// Decides on one event, and appends it where it is new. `isRemote`: other regions' cursors are asked about it, so that
    /// one that is known, and of which they may not speak, is appended once more. It has its effect once all the same (S5).
    mutating func take(
        _ submitted: SubmittedEvent, of user: UserKey, at now: WallTime, isRemote: Bool
    ) throws(ShardError) -> EventResult {
        let stamp = appender.nextStamp(at: now)
        let id = submitted.id ?? makeID(at: now)
        let verdict = settings.bounds.verdict(on: id, at: stamp)
        guard verdict == .admitted else { return EventResult(id: id, outcome: .refused(verdict)) }
        let event = complete(submitted.event, id)
        let body = event.body
        let key = key(of: event, id, body: body)
        if state.index.contains(key) {
            if isRemote, !copied.contains(key) {
                try append(event.kind, id: id, body: body, at: now)
                copied.insert(key)
            }
            return EventResult(id: id, outcome: .duplicate)
        }
        guard hasRoom(for: event, of: user) else { return EventResult(id: id, outcome: .shardFull) }
        let offset = try append(event.kind, id: id, body: body, at: now)
        if isRemote { copied.insert(key) }
        let position = LogPosition(log: appender.log, epoch: appender.epoch, offset: offset)
        return EventResult(id: id, outcome: .applied(position))
    }

    /// S9: what takes something back is never refused for want of room.
    private func hasRoom(for event: UserEvent, of user: UserKey) -> Bool {
        switch event {
        case .erase: return true
        case .consent(let consent): if case .withdrawal = consent.change { return true }
        case .interaction, .profile, .beacon, .served: break
        }
        return state.index.count < settings.maxIndexedIDs
            && (state.user(user) != nil || state.userCount < settings.maxUsers)
    }

    /// What only the door knows (S9): the cut of an erase, a function of its id, and the withdrawals that a change of
    /// consent stands for.
    private func complete(_ event: UserEvent, _ id: EventID) -> UserEvent {
        switch event {
        case .erase(var erase):
            erase.cut = settings.bounds.eraseCut(of: id)
            return .erase(erase)
        case .consent(var consent):
            switch consent.change {
            case .withdrawal(let replaced) where replaced.isEmpty:
                consent.change = .withdrawal(replacing: older(than: id, consent))
            case .grant(let cancelled) where cancelled.isEmpty:
                consent.change = .grant(cancelling: older(than: id, consent))
            case .withdrawal, .grant: break
            }
            return .consent(consent)
        case .interaction, .profile, .beacon, .served: return event
        }
    }

    /// The withdrawals that stand open here and are older than the change. Of a change that is known those that are
    /// cancelled already: a copy of it must not mean more than the first one did.
    private func older(than id: EventID, _ event: ConsentEvent) -> [EventID] {
        guard let consent = state.user(event.user)?.consent else { return [] }
        guard state.index.contains(.change(event, id)) else { return consent.openWithdrawals(before: id) }
        return consent.cancelled.ids.filter { $0 < id }
    }
}
