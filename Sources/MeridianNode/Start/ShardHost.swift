// Makes the actors of a node and begins their incarnation.

package import ActorCluster
package import ClusterModel
package import EventLog
package import NodeEnvironment
package import Personalization

/// The node's actors and the router to them. Partition p runs on loop p modulo the number of loops.
package struct ShardHost: Sendable {
    package let router: ShardRouter
    private let shards: [UserShard]
    private let executors: [any NodeExecutor]
    private let content: ContentShard
    private let plan: IncarnationPlan
    private let directory: String

    /// `onAgreed` hears of agreed ends that shards know or come to know (S1a); `stamps` closes while the clock is not to
    /// be trusted (S2); `onShort` hears of states that only another member's snapshot can bring further (S5). Throws
    /// ActorCallError.
    package init(
        _ recovery: NodeRecovery, _ plan: IncarnationPlan, system: ClusterActorSystem,
        configuration: NodeConfiguration, environment: NodeEnvironment, disk: any DedicatedExecutor,
        stamps: StampGate, onAgreed: @escaping @Sendable (AgreedEnds, EndsPoint) -> Void,
        onShort: @escaping @Sendable (TopicID, PartitionID) -> Void = { _, _ in }
    ) throws {
        let loops = environment.executors.loops
        let settings = Self.settings(configuration)
        directory = configuration.log.directory
        self.plan = plan
        func shell(on executor: any NodeExecutor) -> LogShell {
            LogShell(
                log: recovery.log, executor: executor, clock: environment.clock, settings: settings, disk: disk,
                stamps: stamps, onAgreed: onAgreed, onShort: onShort)
        }
        let region = configuration.region.number
        var shards: [UserShard] = []
        var executors: [any NodeExecutor] = []
        for (place, state) in recovery.shards.enumerated() {
            let executor = loops[place % loops.count]
            let shell = shell(on: executor)
            let beginning = plan.beginnings[place]
            let client = environment.entropy.next()
            shards.append(
                try system.start(UserShard.identity(of: state.partition, in: region), on: executor) {
                    UserShard(
                        state: state, beginning: beginning, client: client, shell: shell, actorSystem: system)
                })
            executors.append(executor)
        }
        self.shards = shards
        self.executors = executors
        let relay = CatalogueRelay()
        let shell = shell(on: loops[0])
        let beginning = plan.beginnings[plan.beginnings.count - 1]
        let client = environment.entropy.next()
        content = try system.start(ContentShard.identity(in: region), on: loops[0]) {
            ContentShard(
                state: recovery.content, beginning: beginning, client: client, shell: shell, actorSystem: system,
                onChange: { relay.send($0) })
        }
        router = ShardRouter(
            partitions: configuration.deployment.partitions, shards: shards, executors: executors, content: content,
            contentExecutor: loops[0])
        relay.connect(to: router)
    }

    /// Appends every log's opening; returns once all are flushed (S1). Throws ShardError.
    package func begin() async throws {
        let beginnings = plan.beginnings
        let outcomes = await router.gather { shard, answer in
            shard.begin(beginnings[Int(shard.partition.rawValue)]) { answer($0) }
        }
        let own = await router.askContent { shard, answer in
            shard.begin(beginnings[beginnings.count - 1]) { answer($0) }
        }
        for outcome in outcomes + [own] {
            do throws(ShardError) {
                try outcome.get()
            } catch {
                throw NodeError(beginning: error, in: directory)
            }
        }
    }

    /// Serves what was recovered, and opens nothing (S1b): `begin` does that later.
    func beginReading() async {
        _ = await router.gather { shard, answer in
            shard.beginReading()
            answer(())
        }
        await router.askContent { shard, answer in
            shard.beginReading()
            answer(())
        }
    }

    /// Returns once everything appended so far is flushed, or its log has ended.
    package func drain() async {
        _ = await router.gather { shard, answer in shard.drain { answer($0) } }
        _ = await router.askContent { shard, answer in shard.drain { answer($0) } }
    }

    /// Ends every log of this node's: whoever waits hears it.
    package func abandon(because reason: String) { router.abandon(because: reason) }

    private static func settings(_ configuration: NodeConfiguration) -> ShardSettings {
        let partitions = configuration.deployment.partitions.rawValue
        // Users spread over partitions by hash: twice the mean leaves room for an uneven few.
        let maxUsers = max(1_024, configuration.limits.users / partitions * 2)
        return ShardSettings(
            region: configuration.region.number,
            members: [configuration.region.number] + configuration.peers.map(\.number),
            bounds: configuration.timeBounds, maxUsers: maxUsers,
            maxCountedContents: configuration.limits.contents)
    }
}
