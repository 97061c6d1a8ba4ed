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
    /// `first` is lowered to where such an event stands already.
    mutating func take(
        _ submitted: SubmittedEvent, of user: UserKey, at now: WallTime, isRemote: Bool, first: inout Offset
    ) throws(ShardError) -> EventResult {
        let stamp = appender.nextStamp(at: now)
        let id = submitted.id ?? makeID(for: submitted.event, of: user, at: now)
        let verdict = settings.bounds.verdict(on: id, at: stamp)
        guard verdict == .admitted else { return EventResult(id: id, outcome: .refused(verdict)) }
        let event = complete(submitted.event, id)
        let body = event.body
        let key = key(of: event, id, body: body)
        if state.index.contains(key) {
            if isRemote { try copy(event.kind, key, id: id, body: body, at: now, first: &first) }
            return EventResult(id: id, outcome: .duplicate)
        }
        guard hasRoom(for: event, of: user) else { return EventResult(id: id, outcome: .shardFull) }
        let offset = try append(event.kind, id: id, body: body, at: now)
        if isRemote { copied.insert(key, at: offset) }
        let position = LogPosition(log: appender.log, epoch: appender.epoch, offset: offset)
        return EventResult(id: id, outcome: .applied(position))
    }

    /// Sees to it that a duplicate stands in this life's log: where it stands already, or by one more copy. A region that
    /// bootstrapped may lack an older copy as bytes, and would never be heard to have it.
    private mutating func copy(
        _ kind: RecordKind, _ key: MergeOrder, id: EventID, body: [UInt8], at now: WallTime, first: inout Offset
    ) throws(ShardError) {
        if let place = copied.place(of: key), !remote.isMissed(place) {
            return first = min(first, place)
        }
        let place = try append(kind, id: id, body: body, at: now)
        copied.insert(key, at: place)
    }

    /// S9: a withdrawal is never refused, nor is an erase where there is something to erase. Rows that both leave behind are
    /// none of a user's, and one of them is no way past the bound of users (Decisions/0029).
    private func hasRoom(for event: UserEvent, of user: UserKey) -> Bool {
        let content: InteractionEvent?
        switch event {
        case .consent(let consent):
            if case .withdrawal = consent.change { return true }
            content = nil
        case .erase:
            return state.holding(of: user) != .nothing
                || state.markerRowCount < settings.maxMarkerRows && state.index.count < settings.maxIndexedIDs
        case .interaction(let interaction): content = interaction
        case .profile, .beacon, .served: content = nil
        }
        return state.index.count < settings.maxIndexedIDs
            && (state.holding(of: user) == .user || state.userCount < settings.maxUsers)
            && content.map(isCounted) ?? true
    }

    /// Whether popularity counts the content already, or may begin to: everybody can make ids up, and nobody a token.
    private func isCounted(_ event: InteractionEvent) -> Bool {
        event.attributes != nil || event.kind == .dismiss
            || state.popularity.contents.count < settings.maxCountedContents
            || state.popularity.contents[ContentKey(contentID: event.contentID)] != nil
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
            case .grant(let named):
                let older = older(than: id, consent)
                consent.change = .grant(cancelling: named.isEmpty ? older : named.filter(older.contains))
            case .withdrawal: break
            }
            return .consent(consent)
        case .interaction, .profile, .beacon, .served: return event
        }
    }

    /// S9: a grant cancels withdrawals that are known. The newest `ConsentState.maxKnown` of the cancelled ids are kept, and made up
    /// ones among them would push real ones out, whose withdrawals then stand open for good. Throws before anything is appended.
    func checkNamedWithdrawals(of events: [SubmittedEvent], by user: UserKey) throws(ShardError) {
        for submitted in events {
            guard case .consent(let event) = submitted.event, case .grant(let named) = event.change, !named.isEmpty
            else {
                continue
            }
            // A retry means what the first attempt meant, though what it named may have been replaced since.
            if let id = submitted.id, state.index.contains(.change(event, id)) { continue }
            let consent = state.user(user)?.consent ?? ConsentState()
            for id in named where !consent.withdrawals.contains(id) { throw .unknownWithdrawal(id) }
        }
    }

    /// An id for an event that came without one. A write says what its caller wants now, so it stands above what it is to take the
    /// place of, though that one's id may lie ahead of this clock (S4); where another region's clock has let it further ahead than
    /// an id may be here, the door refuses both alike.
    private func makeID(for event: UserEvent, of user: UserKey, at now: WallTime) -> EventID {
        let made = makeID(at: now)
        guard let standing = state.user(user)?.newestID(under: event) else { return made }
        return made.above(standing)
    }

    /// The withdrawals that stand open here and are older than the change. Of a change that is known those that are
    /// cancelled already: a copy of it must not mean more than the first one did.
    private func older(than id: EventID, _ event: ConsentEvent) -> [EventID] {
        guard let consent = state.user(event.user)?.consent else { return [] }
        guard state.index.contains(.change(event, id)) else { return consent.openWithdrawals(before: id) }
        return consent.cancelled.ids.filter { $0 < id }
    }
}
