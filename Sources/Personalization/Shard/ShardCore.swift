// The heart of a shard: synchronous, without I/O or a clock. `UserShard` is its shell.

package import ClusterModel
package import EventLog
package import MergeableState

/// State, log and rules of one partition. Every event of live traffic goes through `ShardState.apply`, as replay does.
package struct ShardCore {
    package let settings: ShardSettings
    package internal(set) var state: ShardState
    package var appender: OriginAppender
    package var remote = RemoteWaiters()
    var copied = CopiedEvents()
    /// Names this life of the shard in the ids that it makes itself.
    private let client: UInt64
    /// Made by this life of the shard.
    private var slates: UInt64 = 0
    /// Set once the log has ended: memory is discarded and nothing is served (S6).
    package private(set) var fencedBecause: String?
    package private(set) var scratch = RankingScratch()
    /// What readers of effects have not heard yet; nil while there are none (S13).
    var effects: EffectTail?
    /// While a state that was fetched is folded aside: own records that it has to hear of (S5).
    var ownTail: OwnTail?

    package init(settings: ShardSettings, state: ShardState, appender: OriginAppender, client: UInt64) {
        self.settings = settings
        self.state = state
        self.appender = appender
        self.client = client
    }

    package struct Decision {
        package var results: [EventResult]
        /// Everything that the answer names stands below this offset of the own log, but for duplicates.
        package var through: Offset
        /// Asked for at `remote`, it stands from here on, duplicates too.
        package var first: Offset
        /// What the answer's token names (S12): the own log up to there. With a duplicate all that is applied here, since its
        /// first copy stands in any of the logs.
        package var session: VersionVector
    }

    /// Appends and applies what is new. Throws before anything is appended when the log cannot take more.
    ///
    /// What is known already may stand in another origin's log only, or in an older one of this origin, of which this log's
    /// cursors say nothing: where other regions are asked for, a copy is appended that they do speak of (S11).
    package mutating func report(
        _ events: [SubmittedEvent], of user: UserKey, at now: WallTime, durability: RequestedDurability = .local
    ) throws(ShardError) -> Decision {
        try checkServing()
        try appender.admit()
        try checkNamedWithdrawals(of: events, by: user)
        var results: [EventResult] = []
        results.reserveCapacity(events.count)
        let isRemote = if case .remote = durability { true } else { false }
        // The oldest place of what the answer names: only who holds everything from there on as bytes counts.
        var first = appender.nextOffset
        for event in events {
            results.append(try take(event, of: user, at: now, isRemote: isRemote, first: &first))
        }
        state.forget(members: settings.members, bounds: settings.bounds)
        return Decision(
            results: results, through: appender.nextOffset, first: first,
            session: results.contains { $0.outcome == .duplicate } ? state.vector : ownSession)
    }

    private var ownSession: VersionVector {
        let log = appender.log
        return VersionVector([
            VersionVector.Entry(region: log.name.region, incarnation: log.incarnation, next: appender.nextOffset)
        ])
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

    /// An id that no other slate of this shard has, whether or not its record can be kept, and while the clock stands.
    mutating func makeSlateID(at now: WallTime) -> Digest128 {
        slates &+= 1
        return Digest128(high: appender.nextStamp(at: now).rawValue, low: client &+ slates)
    }

    /// Forgets erasures whose time has come (S9). Before a snapshot.
    mutating func forgetErasures() {
        state.forgetErasures(olderThan: settings.personalDataLife, members: settings.members)
    }

    /// An id for an event that came without one: the next stamp is unique on this line, the client on this life.
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
            digest: state.digest(), users: state.userCount, markerRows: state.markerRowCount,
            indexedIDs: state.index.count,
            unflushedRecords: appender.unflushedRecords)
    }

    /// Ranks with this shard's scratch space.
    package mutating func withScratch<Result>(_ body: (inout RankingScratch) -> Result) -> Result { body(&scratch) }

    /// The one way into the log and the state.
    @discardableResult
    mutating func append(
        _ kind: RecordKind, id: EventID, body: [UInt8], at now: WallTime
    ) throws(ShardError) -> Offset {
        do {
            let (record, offset) = try appender.append(kind, id: id, body: body, at: now)
            try state.apply(record, in: settings.region, appender.log.incarnation, at: offset)
            noteEffects(appender.log, since: offset)
            ownTail?.note(record, at: offset)
            return offset
        } catch {
            // Neither can happen to a record that this shard made; if one does, memory and log may differ: stop.
            throw .logFenced("\(error)")
        }
    }
}
