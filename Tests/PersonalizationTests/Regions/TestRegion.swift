// One region of a few, for tests: a user shard, a content shard and their router over a disk that outlives restarts. What
// mirrors would do is done by hand.

import ActorCluster
import ClusterModel
import Distributed
import EventLog
import EventLogConformance
import MergeableState
import NodeEnvironment
import SimulatedEnvironment
import Synchronization
import Testing

@testable import Personalization

final class TestRegion: Sendable {
    static let user = UserKey(userID: "user-1")

    let number: RegionNumber
    let disk: MemoryEngine
    let loop: QueueLoop
    let stamps = StampGate()
    let router: ShardRouter
    let shard: UserShard
    let content: ContentShard
    let plan: IncarnationPlan
    private let system: ClusterActorSystem
    private let told: Told

    private final class Told: Sendable {
        let ends = Mutex<[AgreedEnds]>([])
    }

    /// Recovers from `disk` and begins an incarnation.
    init(
        _ number: UInt16, of members: [UInt16] = [1, 2], disk: MemoryEngine = MemoryEngine(), loop: QueueLoop,
        maxUsers: Int = 1_000
    ) async throws {
        // Two starts in one millisecond would be one incarnation.
        loop.advance(by: .milliseconds(5))
        let region = RegionNumber(number)
        let settings = ShardSettings(region: region, members: members.map { RegionNumber($0) }, maxUsers: maxUsers)
        let names = [TopicID.userEvents, .content].map {
            LogName(region: region, topic: $0, partition: PartitionID(0))
        }
        let told = Told()
        let shell = LogShell(
            log: disk, executor: loop, clock: loop, settings: settings, disk: loop, stamps: stamps,
            onAgreed: { ends, _ in told.ends.withLock { $0.append(ends) } })
        let environment = SteppedEnvironment(seed: UInt64(number)).environment
        let system = try await ClusterActorSystem(types: [UserShard.self, ContentShard.self], environment: environment)
        func fold<State: LogFold>(_ empty: State, _ topic: TopicID) throws -> State {
            try HeldLogs.refold(
                empty, knowing: [], topic: topic, partition: PartitionID(0), from: disk, members: settings.members,
                bounds: settings.bounds
            ).state
        }
        let users = try fold(ShardState(partition: PartitionID(0)), .userEvents)
        let items = try fold(ContentState(limit: 100), .content)
        let plan = try IncarnationPlan(
            starting: names, after: disk.recovered, now: loop.wallTime(), entropy: UInt64(number),
            bounds: settings.bounds, applyVersion: StateLimits.applyVersion, isSoleMember: members.count == 1
        ) { name in
            let line = (name.topic == .content ? items.lines : users.lines).line(of: region)
            return IncarnationPlan.Standing(base: line.base, chain: line.chain)
        }
        shard = try system.start(UserShard.identity(of: PartitionID(0), in: region), on: loop) {
            UserShard(state: users, beginning: plan.beginnings[0], client: 77, shell: shell, actorSystem: system)
        }
        content = try system.start(ContentShard.identity(in: region), on: loop) {
            ContentShard(
                state: items, beginning: plan.beginnings[1], client: 78, shell: shell, actorSystem: system,
                onChange: { _ in })
        }
        router = ShardRouter(
            partitions: try #require(PartitionCount(1)), shards: [shard], executors: [loop], content: content,
            contentExecutor: loop)
        (self.number, self.disk, self.loop, self.plan, self.system, self.told) = (
            region, disk, loop, plan, system, told
        )
        begin()
    }

    private func begin() {
        let plan = plan
        onShard { $0.begin(plan.beginnings[0]) { #expect((try? $0.get()) != nil) } }
        onContent { $0.begin(plan.beginnings[1]) { #expect((try? $0.get()) != nil) } }
        // A mirror tells of all that the disk holds when it begins.
        for log in disk.logs().map(\.log) where log.incarnation != plan.incarnation { router.logAppeared(log) }
    }

    func onShard(_ body: @escaping @Sendable (isolated UserShard) -> Void) {
        loop.turn { [shard] in shard.assumeIsolated { body($0) } }
    }

    func onContent(_ body: @escaping @Sendable (isolated ContentShard) -> Void) {
        loop.turn { [content] in content.assumeIsolated { body($0) } }
    }

    /// The value of `body` on the shard's loop.
    func ask<Value: Sendable>(_ body: @escaping @Sendable (isolated UserShard) -> Value) -> Value {
        shard.assumeIsolated { body($0) }
    }

    func askContent<Value: Sendable>(_ body: @escaping @Sendable (isolated ContentShard) -> Value) -> Value {
        content.assumeIsolated { body($0) }
    }

    var log: LogIdentity { plan.beginnings[0].log }
    /// What the shard said of agreed ends so far.
    var toldEnds: [AgreedEnds] { told.ends.withLock { $0 } }
    var lines: OriginLines { ask { $0.state.lines } }
    var report: ShardReport { ask { $0.inspect() } }
    var facts: ReplicaFacts { ask { $0.replicaFacts } }
    var isRebuilding: Bool { ask { $0.replica.isRebuilding } }

    // MARK: Events

    func click(_ item: String, at time: WallTime? = nil, client: UInt64, sequence: UInt16 = 0) -> SubmittedEvent {
        let time = time ?? loop.wallTime()
        return SubmittedEvent(
            id: EventID(at: time, sequence: sequence, client: client),
            event: .interaction(
                InteractionEvent(user: Self.user, kind: .click, contentID: item, occurredAt: time)))
    }

    /// Answers of a call, as they come.
    final class Answers<Value: Sendable>: Sendable {
        private let kept = Mutex<[Result<Value, ShardError>]>([])
        var all: [Result<Value, ShardError>] { kept.withLock { $0 } }
        var value: Value? { all.first.flatMap { try? $0.get() } }
        var error: ShardError? {
            guard case .failure(let error) = all.first else { return nil }
            return error
        }
        func keep(_ result: Result<Value, ShardError>) { kept.withLock { $0.append(result) } }
    }

    @discardableResult
    func send(
        _ events: [SubmittedEvent], durability: RequestedDurability = .local, within: Duration? = nil
    ) -> Answers<ReportOutcome> {
        let answers = Answers<ReportOutcome>()
        let deadline = within.map { loop.bootTime().advanced(by: $0) }
        onShard { shard in
            shard.report(events, of: Self.user, durability: durability, deadline: deadline) { answers.keep($0) }
        }
        return answers
    }

    func slate(_ session: VersionVector? = nil, requireSession: Bool = false) -> Result<Slate, ShardError> {
        let query = SlateQuery(
            user: Self.user, count: 1, seed: 1, now: loop.wallTime(), session: session, requireSession: requireSession)
        return ask { $0.slate(query) }
    }

    func markTime() {
        onShard { $0.markTime() }
        loop.advance(by: .milliseconds(20))
    }
}

// MARK: What mirrors do

extension TestRegion {
    /// Copies what another disk holds beyond this one's, of logs that this region does not write.
    func pull(
        from other: MemoryEngine, where isWanted: (LogIdentity) -> Bool = { _ in true }, upTo limit: Offset? = nil
    ) throws {
        for log in other.logs().map(\.log) where isWanted(log) && log.incarnation != plan.incarnation {
            for batch in other.batches(of: log) where batch.header.baseOffset >= disk.flushedEnd(of: log) {
                if let limit, batch.endOffset > limit { break }
                try disk.submit(batch)
            }
            router.logAppeared(log)
        }
    }

    func pull(from other: TestRegion) throws { try pull(from: other.disk) }

    func hear(_ ends: [AgreedEnds]) {
        for one in ends { router.endsHeard(one) }
    }

    /// How often clicks on an item were counted.
    func clicks(on item: String) -> UInt64 {
        ask { shard in
            (shard.state.popularity.contents[ContentKey(contentID: item)] ?? []).reduce(0) {
                $0 + UInt64($1.counts.clicks)
            }
        }
    }

    /// The digest of the fold of the whole disk.
    func refoldedDigest(_ members: [UInt16] = [1, 2]) throws -> Digest128 {
        var state = try HeldLogs.refold(
            ShardState(partition: PartitionID(0)), knowing: toldEnds.filter { $0.name.topic == .userEvents },
            topic: .userEvents, partition: PartitionID(0), from: disk, members: members.map { RegionNumber($0) },
            bounds: .standard
        ).state
        return state.digest()
    }
}
