// The heart of a shard: synchronous, without I/O or a clock. `UserShard` is its shell.

package import ClusterModel
package import EventLog
import MergeableState

/// State, log and rules of one partition. Every event of live traffic goes through `ShardState.apply`, as replay does.
package struct ShardCore {
    package let settings: ShardSettings
    package internal(set) var state: ShardState
    package var appender: OriginAppender
    package var remote = RemoteWaiters()
    /// Names this life of the shard in the ids that it makes itself.
    private let client: UInt64
    /// Set once the log has ended: memory is discarded and nothing is served (S6).
    package private(set) var fencedBecause: String?
    package private(set) var scratch = RankingScratch()
    /// What readers of effects have not heard yet; nil while there are none (S13).
    var effects: EffectTail?

    package init(settings: ShardSettings, state: ShardState, appender: OriginAppender, client: UInt64) {
        self.settings = settings
        self.state = state
        self.appender = appender
        self.client = client
    }

    package struct Decision {
        package var results: [EventResult]
        /// Everything that the answer names, duplicates included, stands below this offset of the own log.
        package var through: Offset
    }

    /// Appends and applies what is new. Throws before anything is appended when the log cannot take more.
    ///
    /// What is known already may stand in another origin's log only, of which this one's cursors say nothing: where two
    /// or more other regions are asked for, a copy is appended that they do speak of. It is counted once all the same (S5).
    package mutating func report(
        _ events: [SubmittedEvent], of user: UserKey, at now: WallTime, durability: RequestedDurability = .local
    ) throws(ShardError) -> Decision {
        try checkServing()
        try appender.admit()
        var results: [EventResult] = []
        results.reserveCapacity(events.count)
        let copies = if case .remote(let regions) = durability { regions > 1 } else { false }
        for event in events { results.append(try take(event, of: user, at: now, copies: copies)) }
        state.forget(members: settings.members, bounds: settings.bounds)
        return Decision(results: results, through: appender.nextOffset)
    }

    /// Appends the log's own sign of life when nothing else moved its time (S2). Whether one was due.
    package mutating func markTime(at now: WallTime) throws(ShardError) -> Bool {
        try checkServing()
        let due = appender.lastStamp.wallTime.advanced(by: settings.bounds.timeMarkInterval)
        guard now >= due else { return false }
        try append(.timeMark, id: EventID(time: 0, client: 0), body: [], at: now)
        state.forget(members: settings.members, bounds: settings.bounds)
        return true
    }

    /// Folds a flushed batch of another region's log, or of an older incarnation of this one's (S6).
    package mutating func fold(_ batch: EncodedBatch) throws(ApplyError) -> BatchOutcome {
        let log = batch.header.log
        let before = effects == nil ? .zero : state.lines.next(in: log.name.region, log.incarnation)
        defer { noteEffects(log, since: before) }
        let outcome = try state.apply(batch)
        state.forget(members: settings.members, bounds: settings.bounds)
        return outcome
    }

    /// Goes on with a state that was folded anew.
    package mutating func adopt(_ anew: ShardState) {
        let former = state
        state = anew
        state.supersede(former)
        if effects != nil { beginEffects() }
    }

    /// Appends the agreed ends of this line's older incarnations (S1a). The caller has every member's seal.
    package mutating func agree(_ ends: EndsRecord, at now: WallTime) throws(ShardError) {
        try checkServing()
        try append(.ends, id: EventID(time: 0, client: 0), body: ends.body, at: now)
    }

    /// Writes the record that begins an incarnation (S1).
    package mutating func begin(_ beginning: IncarnationPlan.Beginning, at now: WallTime) throws(ShardError) {
        try append(.opening, id: EventID(time: 0, client: 0), body: beginning.opening.body, at: now)
    }

    /// Keeps a record of a slate, for learning; nothing waits for it and state does not change.
    package mutating func recordServed(_ event: ServedEvent, at now: WallTime) throws(ShardError) {
        let event = UserEvent.served(event)
        try append(event.kind, id: makeID(at: now), body: event.body, at: now)
    }

    /// An id for an event or slate that came without one: the next stamp is unique on this line, the client on this life.
    package func makeID(at now: WallTime) -> EventID {
        EventID(time: appender.nextStamp(at: now).rawValue, client: client)
    }

    /// Discards the memory that may hold what the disk does not (S6).
    package mutating func fence(because reason: String) -> (local: [FlushWaiter], remote: [RemoteWaiter]) {
        fencedBecause = reason
        effects = nil
        state = ShardState(partition: state.partition)
        return (appender.onFenced(), remote.onFenced())
    }

    package func checkServing() throws(ShardError) {
        if let fencedBecause { throw .logFenced(fencedBecause) }
    }

    package mutating func makeReport() -> ShardReport {
        ShardReport(
            partition: state.partition, applyVersion: StateLimits.applyVersion, vector: state.vector,
            digest: state.digest(), users: state.userCount, indexedIDs: state.index.count,
            unflushedRecords: appender.unflushedRecords)
    }

    /// Ranks with this shard's scratch space.
    package mutating func withScratch<Result>(_ body: (inout RankingScratch) -> Result) -> Result { body(&scratch) }

    private mutating func take(
        _ submitted: SubmittedEvent, of user: UserKey, at now: WallTime, copies: Bool
    ) throws(ShardError) -> EventResult {
        let stamp = appender.nextStamp(at: now)
        let id = submitted.id ?? makeID(at: now)
        let verdict = settings.bounds.verdict(on: id, at: stamp)
        guard verdict == .admitted else { return EventResult(id: id, outcome: .refused(verdict)) }
        if let open = openWithdrawal(instead: submitted.event, of: user) {
            return EventResult(id: open, outcome: .duplicate)
        }
        let event = complete(submitted.event, of: user, at: stamp)
        let body = event.body
        let key = MergeOrder(id: id, bodyDigest: SHA256.hash(body).prefix128.high)
        if state.index.contains(key) {
            if copies { try append(event.kind, id: id, body: body, at: now) }
            return EventResult(id: id, outcome: .duplicate)
        }
        guard state.index.count < settings.maxIndexedIDs,
            state.user(user) != nil || state.userCount < settings.maxUsers
        else { return EventResult(id: id, outcome: .shardFull) }
        let offset = try append(event.kind, id: id, body: body, at: now)
        let position = LogPosition(log: appender.log, epoch: appender.epoch, offset: offset)
        return EventResult(id: id, outcome: .applied(position))
    }

    /// S9: with too many withdrawals open, the door answers with one of them.
    private func openWithdrawal(instead event: UserEvent, of user: UserKey) -> EventID? {
        guard case .consent(let consent) = event, consent.change == .withdrawal,
            let open = state.user(user)?.consent.openWithdrawals, open.count >= ConsentState.maxOpenWithdrawals
        else { return nil }
        return open.first
    }

    /// What only the shard knows: the cut of an erase, and the withdrawals that a grant has seen (S9).
    private func complete(_ event: UserEvent, of user: UserKey, at stamp: HybridStamp) -> UserEvent {
        switch event {
        case .erase(var erase):
            erase.cut = stamp.wallTime.advanced(by: settings.bounds.maxFuture)
            return .erase(erase)
        case .consent(var consent):
            guard consent.change == .grant(cancelling: []) else { return event }
            let open = state.user(user)?.consent.openWithdrawals ?? []
            consent.change = .grant(cancelling: Array(open.prefix(ConsentState.maxCancelledByGrant)))
            return .consent(consent)
        default: return event
        }
    }

    /// The one way into the log and the state.
    @discardableResult
    private mutating func append(
        _ kind: RecordKind, id: EventID, body: [UInt8], at now: WallTime
    ) throws(ShardError) -> Offset {
        do {
            let (record, offset) = try appender.append(kind, id: id, body: body, at: now)
            try state.apply(record, in: settings.region, appender.log.incarnation, at: offset)
            noteEffects(appender.log, since: offset)
            return offset
        } catch {
            // Neither can happen to a record that this shard made; if one does, memory and log may differ: stop.
            throw .logFenced("\(error)")
        }
    }
}
