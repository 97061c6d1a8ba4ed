// The actor of one partition: a thin shell over `ShardCore` on its event loop.

package import ActorCluster
package import ClusterModel
package import Distributed
package import EventLog
import MergeableState
import NodeEnvironment

/// Holds its users' state in memory, writes this region's origin log of the partition, and serves content. Calls from
/// its own loop run at once, without suspension (`assumeIsolated`); calls from elsewhere hop once.
package distributed actor UserShard: ClusterActor, LogFollower {
    package typealias ActorSystem = ClusterActorSystem

    package static let kind = ActorKind(1)
    package static let methods: [ActorMethod<UserShard>] = [
        .direct(1, target: { _ = try await $0.inspect() }) { (shard: isolated UserShard) in shard.inspect() }
    ]

    package nonisolated var unownedExecutor: UnownedSerialExecutor { unsafe actorSystem.executor(for: id) }

    var core: ShardCore
    let shell: LogShell
    var pace = CommitPace()
    var replica = ReplicaProgress()
    var remoteAlarm = RemoteAlarm()
    let feed = EffectFeed()
    private var catalogue = CatalogueSnapshot()
    private var popularity = PopularitySnapshot()
    /// Nil until it was told: what a start restored is news to whoever asks first.
    private var popularitySeen: UInt64?
    private var snapshotSeen: UInt64 = 0
    /// What the last view stood on: a snapshot that stands on more lets the logs below go (S1b).
    private var snapshotBases: [RegionNumber: EndsPoint] = [:]
    /// Slates whose record could not be kept: the log was behind or full.
    private var unrecordedSlates: UInt64 = 0

    var state: ShardState { core.state }

    var appender: OriginAppender {
        get { core.appender }
        _modify { yield &core.appender }
    }

    var ownTail: OwnTail? {
        get { core.ownTail }
        set { core.ownTail = newValue }
    }

    package init(
        state: ShardState, beginning: IncarnationPlan.Beginning, client: UInt64, shell: LogShell,
        actorSystem: ClusterActorSystem
    ) {
        self.actorSystem = actorSystem
        self.shell = shell
        core = ShardCore(
            settings: shell.settings, state: state,
            appender: OriginAppender(
                writer: OriginLogWriter(log: beginning.log, epoch: Epoch(1)), stampFloor: beginning.stampFloor),
            client: client)
    }

    package var partition: PartitionID { core.state.partition }

    package static func identity(of partition: PartitionID, in region: RegionNumber) -> ActorIdentity {
        ActorIdentity(kind: kind, region: region, number: UInt64(partition.rawValue))
    }

    /// Begins the incarnation (S1) and calls `onFlush` once its first records are on the disk.
    package func begin(
        _ beginning: IncarnationPlan.Beginning, onFlush: @escaping FlushWaiter
    ) {
        startObserving()
        do {
            try core.begin(beginning, at: markingTime)
        } catch {
            return onFlush(.failure(error))
        }
        beginReading()
        if let ends = beginning.ends { takeEnds(ends) }
        core.appender.wait(through: core.appender.nextOffset, onFlush)
        flushSoon()
    }

    /// Goes on from what was recovered; `begin` does the same. For a start that opens nothing yet (S1b).
    package func beginReading() {
        tellAgreed()
        rebuildWhereNeeded()
    }

    /// Appends, applies, and completes at the durability asked for. On this actor's executor.
    ///
    /// - Parameter deadline: until when a call at `remote` waits; the others' waits end with the log at the latest.
    package func report(
        _ events: [SubmittedEvent], of user: UserKey, durability: RequestedDurability, deadline: BootInstant?,
        completion: @escaping @Sendable (Result<ReportOutcome, ShardError>) -> Void
    ) {
        let decision: ShardCore.Decision
        do throws(ShardError) {
            guard let now = shell.stampTime else { throw shell.stamps.refusal }
            guard !replica.isRebuilding else { throw .rebuilding }
            try checkReach(of: durability)
            decision = try core.report(events, of: user, at: now, durability: durability)
        } catch {
            if case .logFenced(let reason) = error { end(because: reason) }
            return completion(.failure(error))
        }
        let outcome = ReportOutcome(
            results: decision.results, session: decision.session, reached: durability)
        switch durability {
        case .buffered:
            flushLater()
            completion(.success(outcome))
        case .local:
            core.appender.wait(through: decision.through) { flushed in completion(flushed.map { outcome }) }
            flushSoon()
        case .remote(let regions):
            flushSoon()
            waitForRegions(regions, from: decision.first, through: decision.through, deadline: deadline) { reached in
                completion(reached.map { outcome.reaching(.remote(regions: $0)) })
            }
        }
    }

    private func checkReach(of durability: RequestedDurability) throws(ShardError) {
        guard case .remote(let regions) = durability else { return }
        let others = shell.settings.members.count - 1
        guard regions <= others else { throw .notEnoughRegions(available: others) }
        guard !core.remote.isFull else { throw .backlogFull }
    }

    /// S1a: every member has sealed. Appended once the state has reached the ends; never when the log has ended.
    package func agree(_ ends: EndsRecord) { takeEnds(ends) }

    func appendEnds(_ ends: EndsRecord) throws(ShardError) { try core.agree(ends, at: markingTime) }

    /// S1a: agreed ends take effect when heard, whoever tells them. Where the state exceeds them it is folded anew.
    package func learn(_ ends: AgreedEnds) { learnEnds(ends) }

    func changeLines(_ body: @Sendable (inout OriginLines) -> Void) { body(&core.state.lines) }

    func onEndsConfirmed() {
        core.onEndsConfirmed()
        tellEffects()
    }

    /// S1b: what lies below the floor leaves.
    package func prune(_ region: RegionNumber, to floor: EndsPoint) { pruneLine(of: region, to: floor) }

    func adopt(_ state: ShardState) {
        core.adopt(state)
        tellEffects()
    }

    var emptyState: ShardState { ShardState(partition: core.state.partition) }

    func fold(_ batch: EncodedBatch) throws(ApplyError) -> BatchOutcome { try core.fold(batch) }

    func onFolded() { tellEffects() }

    func onOwnFlush() { tellEffects() }

    var isFenced: Bool { core.fencedBecause != nil }

    /// A slate from the state as it stands: no suspension, no disk. On this actor's executor.
    package func slate(_ query: SlateQuery) -> Result<Slate, ShardError> {
        do throws(ShardError) {
            try core.checkServing()
            guard !replica.isRebuilding else { throw ShardError.rebuilding }
            let slate = try core.slate(query, catalogue: catalogue, popularity: popularity)
            keep(slate, query)
            return .success(slate)
        } catch {
            return .failure(error)
        }
    }

    /// A slate's record serves learning only; one that cannot be kept is counted and does not fail the answer.
    private func keep(_ slate: Slate, _ query: SlateQuery) {
        guard !slate.items.isEmpty else { return }
        guard let now = shell.stampTime else { return unrecordedSlates &+= 1 }
        do {
            try core.appender.admit()
            try core.recordServed(slate.record(for: query), at: now)
            flushLater()
        } catch {
            unrecordedSlates &+= 1
        }
    }

    /// What nodes and operators ask of a shard (S10).
    package distributed func inspect() -> ShardReport { core.makeReport() }

    /// S2: an idle log still moves its origin's time.
    package func markTime() {
        guard let now = shell.stampTime, !replica.isRebuilding else { return }
        do {
            if try core.markTime(at: now) { flushLater() }
        } catch {
            // A fenced log has no time to mark.
        }
    }

    package func refresh(_ snapshot: CatalogueSnapshot) { catalogue = snapshot }

    package func refresh(_ snapshot: PopularitySnapshot) { popularity = snapshot }

    /// The popularity partial when it changed since the last call (S13).
    package func changedPopularity() -> PopularityPartial? {
        guard core.state.changes != popularitySeen else { return nil }
        popularitySeen = core.state.changes
        return core.state.popularity
    }

    /// An immutable view of the state, once all of it is flushed (S6); nil when nothing changed since the last one, unless
    /// `evenIdle`: logs are trimmed behind snapshots, and time marks alone fill them too.
    package func flushedView(
        evenIdle: Bool = false, _ completion: @escaping @Sendable (Result<ShardState?, ShardError>) -> Void
    ) {
        guard core.fencedBecause == nil, !replica.isRebuilding, !replica.isShort, !hasUnwrittenEnds,
            evenIdle || core.state.changes != snapshotSeen || core.state.vector.bases != snapshotBases
        else {
            return completion(.success(nil))
        }
        core.forgetErasures()
        // At a boundary between batches: another member that takes it goes on with the next one (S5).
        do throws(ShardError) { try sealForView() } catch { return completion(.failure(error)) }
        let view = core.state
        let changes = view.changes
        core.appender.wait(through: core.appender.nextOffset) { [self] flushed in
            assumeIsolated { shard in
                guard case .success = flushed else { return }
                shard.snapshotSeen = changes
                shard.snapshotBases = view.vector.bases
            }
            completion(flushed.map { view })
        }
        flushSoon()
    }

    func fence(because reason: String) -> [FlushWaiter] {
        let (local, remote) = core.fence(because: reason)
        feed.end(because: reason)
        for answer in remote { answer(.failure(.logFenced(reason))) }
        return local
    }

    /// Tells a stopping node that everything appended so far is on the disk.
    package func drain(_ completion: @escaping FlushWaiter) {
        core.appender.wait(through: core.appender.nextOffset, completion)
        flushSoon()
    }
}
