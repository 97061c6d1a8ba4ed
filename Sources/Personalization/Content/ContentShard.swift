// The actor that writes this region's content log and keeps the node's catalogue.

package import ActorCluster
package import ClusterModel
package import Distributed
package import EventLog
import MergeableState
import NodeEnvironment

/// One a node. Gives every change of the catalogue to `onChange`, at most once a tick of its loop.
package distributed actor ContentShard: ClusterActor, LogFollower {
    package typealias ActorSystem = ClusterActorSystem

    package static let kind = ActorKind(2)
    package static let methods: [ActorMethod<ContentShard>] = [
        .direct(1, target: { _ = try await $0.digest() }) { (shard: isolated ContentShard) in shard.digest() },
        .direct(2, target: { _ = try await $0.inspect() }) { (shard: isolated ContentShard) in shard.inspect() },
    ]

    package nonisolated var unownedExecutor: UnownedSerialExecutor { unsafe actorSystem.executor(for: id) }

    var appender: OriginAppender
    var pace = CommitPace()
    var replica = ReplicaProgress()
    var ownTail: OwnTail?
    let shell: LogShell
    package private(set) var state: ContentState
    private let client: UInt64
    private let onChange: @Sendable (CatalogueSnapshot) -> Void
    private var isChangeDue = false
    /// The catalogue's changes as of the last view that was flushed; nil when it is another one than that view was of.
    private var snapshotSeen: UInt64?
    /// What that view stood on (S1b).
    private var snapshotBases: [RegionNumber: EndsPoint] = [:]
    private var fencedBecause: String?

    package init(
        state: ContentState, beginning: IncarnationPlan.Beginning, client: UInt64, shell: LogShell,
        actorSystem: ClusterActorSystem, onChange: @escaping @Sendable (CatalogueSnapshot) -> Void
    ) {
        self.actorSystem = actorSystem
        self.state = state
        self.shell = shell
        self.client = client
        self.onChange = onChange
        appender = OriginAppender(
            writer: OriginLogWriter(log: beginning.log, epoch: Epoch(1)), stampFloor: beginning.stampFloor)
    }

    package static func identity(in region: RegionNumber) -> ActorIdentity {
        ActorIdentity(kind: kind, region: region, number: 0)
    }

    /// Begins the incarnation (S1) and gives out the catalogue that was recovered.
    package func begin(
        _ beginning: IncarnationPlan.Beginning, onFlush: @escaping FlushWaiter
    ) {
        startObserving()
        do {
            try append(.opening, beginning.opening.body)
        } catch {
            return onFlush(.failure(error))
        }
        beginReading()
        if let ends = beginning.ends { takeEnds(ends) }
        appender.wait(through: appender.nextOffset, onFlush)
        flushSoon()
    }

    /// Gives out the catalogue that was recovered; `begin` does the same. For a start that opens nothing yet (S1b).
    package func beginReading() {
        tellAgreed()
        rebuildWhereNeeded()
        changeSoon()
    }

    /// Writes items and withdrawals of different content ids under one event id, `id` or one that is made here; completes
    /// once they are flushed. What stands already by that id is not appended again: its own copy is flushed here, or stands
    /// below what is waited for. A write that is older than what stands is appended and changes nothing (S3).
    package func publish(
        _ events: [ContentEvent], id: EventID?,
        completion: @escaping @Sendable (Result<PublishOutcome, ShardError>) -> Void
    ) {
        let outcome: PublishOutcome
        do throws(ShardError) {
            outcome = try write(events, id)
        } catch {
            if case .logFenced(let reason) = error { end(because: reason) }
            return completion(.failure(error))
        }
        appender.wait(through: appender.nextOffset) { flushed in completion(flushed.map { outcome }) }
        flushSoon()
        changeSoon()
    }

    private func write(_ events: [ContentEvent], _ submitted: EventID?) throws(ShardError) -> PublishOutcome {
        if let fencedBecause { throw ShardError.logFenced(fencedBecause) }
        guard let now = shell.stampTime else { throw shell.stamps.refusal }
        guard !replica.isRebuilding else { throw ShardError.rebuilding }
        try appender.admit()
        let stamp = appender.nextStamp(at: now)
        let id = submitted ?? makeID(for: events, at: stamp)
        let verdict = shell.settings.bounds.verdict(on: id, at: stamp)
        guard verdict == .admitted else { throw ShardError.idRefused(verdict) }
        if let bound = state.catalogue.bound(met: events) { throw ShardError.catalogueFull(bound) }
        var outcome = PublishOutcome(id: id, written: events.count, duplicates: 0)
        for event in events {
            let body = event.body
            let order = MergeOrder(id: id, bodyDigest: SHA256.hash(body).prefix128.high)
            if state.catalogue.stands(event, by: order) {
                outcome.duplicates += 1
            } else {
                try append(event.kind, id: id, body)
            }
        }
        forget()
        return outcome
    }

    /// An id for a call that came without one: it stands above every write whose place it is to take, as at the users' door.
    private func makeID(for events: [ContentEvent], at stamp: HybridStamp) -> EventID {
        let made = EventID(time: stamp.rawValue, client: client)
        let standing = events.compactMap { state.catalogue.newestID(of: $0.contentID) }.max()
        return standing.map { made.above($0) } ?? made
    }

    /// S2, S5: while withdrawn ids wait for it, an idle log moves its origin's time as users' logs do, and nothing is written
    /// otherwise: in an idle catalogue no id waits for long, since every region that has the withdrawal does so.
    package func markTime() {
        guard let now = shell.stampTime, !isFenced, !replica.isRebuilding, state.catalogue.tombstoneCount > 0 else {
            return
        }
        let due = appender.lastStamp.wallTime.advanced(by: shell.settings.bounds.timeMarkInterval)
        guard now >= due else { return }
        do throws(ShardError) {
            try append(.timeMark, [])
        } catch {
            // A fenced log has no time to mark.
            return
        }
        forget()
        flushLater()
        changeSoon()
    }

    private func forget() { state.forget(members: shell.settings.members, bounds: shell.settings.bounds) }

    /// Equal catalogues, equal digests.
    package distributed func digest() -> Digest128 { state.catalogue.digest }

    /// The digest with where it stands (S10).
    package distributed func inspect() -> ContentReport {
        ContentReport(
            applyVersion: StateLimits.applyVersion, vector: state.lines.vector, digest: state.catalogue.digest,
            contents: state.catalogue.count)
    }

    /// An immutable view of the state, once all of it is flushed (S6); nil when nothing changed since the last one, unless
    /// `evenIdle`.
    package func flushedView(
        evenIdle: Bool, _ completion: @escaping @Sendable (Result<ContentState?, ShardError>) -> Void
    ) {
        guard !isFenced, !replica.isRebuilding, !replica.isShort, !hasUnwrittenEnds,
            evenIdle || state.catalogue.changes != snapshotSeen || state.lines.vector.bases != snapshotBases
        else {
            return completion(.success(nil))
        }
        // As for users' shards.
        do throws(ShardError) { try sealForView() } catch { return completion(.failure(error)) }
        let view = state
        appender.wait(through: appender.nextOffset) { [self] flushed in
            assumeIsolated { shard in
                guard case .success = flushed else { return }
                shard.snapshotSeen = view.catalogue.changes
                shard.snapshotBases = view.lines.vector.bases
            }
            completion(flushed.map { view })
        }
        flushSoon()
    }

    /// S1a: every member has sealed. Appended once the state has reached the ends; never when the log has ended.
    package func agree(_ ends: EndsRecord) { takeEnds(ends) }

    func appendEnds(_ ends: EndsRecord) throws(ShardError) { try append(.ends, ends.body) }

    /// S1a: agreed ends take effect when heard, whoever tells them. Where the catalogue exceeds them it is folded anew.
    package func learn(_ ends: AgreedEnds) { learnEnds(ends) }

    func changeLines(_ body: @Sendable (inout OriginLines) -> Void) { body(&state.lines) }

    /// S1b: what lies below the floor leaves.
    package func prune(_ region: RegionNumber, to floor: EndsPoint) { pruneLine(of: region, to: floor) }

    func adopt(_ state: ContentState) {
        self.state = state
        snapshotSeen = nil
    }

    var emptyState: ContentState { ContentState(limit: state.catalogue.limit) }

    func fold(_ batch: EncodedBatch) throws(ApplyError) -> BatchOutcome {
        let outcome = try state.apply(batch)
        forget()
        return outcome
    }

    func onFolded() { changeSoon() }

    var isFenced: Bool { fencedBecause != nil }

    private func changeSoon() {
        guard !isChangeDue, state.catalogue.hasNews else { return }
        isChangeDue = true
        shell.executor.execute { [self] in assumeIsolated { $0.change() } }
    }

    private func change() {
        isChangeDue = false
        onChange(state.catalogue.snapshot())
    }

    private func append(
        _ kind: RecordKind, id: EventID = EventID(time: 0, client: 0), _ body: [UInt8]
    ) throws(ShardError) {
        do {
            let (record, offset) = try appender.append(kind, id: id, body: body, at: markingTime)
            try state.apply(record, in: shell.settings.region, appender.log.incarnation, at: offset)
            ownTail?.note(record, at: offset)
        } catch {
            throw .logFenced("\(error)")
        }
    }

    func fence(because reason: String) -> [FlushWaiter] {
        fencedBecause = reason
        return appender.onFenced()
    }

    package func drain(_ completion: @escaping FlushWaiter) {
        appender.wait(through: appender.nextOffset, completion)
        flushSoon()
    }
}
