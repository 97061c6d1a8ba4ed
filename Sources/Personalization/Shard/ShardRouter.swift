// Where each user's shard runs: a snapshot of the node's shards. Looking one up takes no lock and does not suspend.

package import ClusterModel
import Distributed
package import NodeEnvironment
import Synchronization

/// All shards of a node. Immutable but for the derived snapshots that administrators read.
package final class ShardRouter: Sendable {
    private let shards: [UserShard]
    private let executors: [any NodeExecutor]
    private let content: ContentShard
    private let contentExecutor: any NodeExecutor
    private let catalogueBox = Mutex(CatalogueSnapshot())
    private let popularityBox = Mutex(PopularitySnapshot())
    private let occupancyBox = Mutex<[PartitionID: ShardOccupancy]>([:])
    package let partitions: PartitionCount

    /// `shards` and `executors` by partition number, one each.
    package init(
        partitions: PartitionCount, shards: [UserShard], executors: [any NodeExecutor], content: ContentShard,
        contentExecutor: any NodeExecutor
    ) {
        precondition(shards.count == partitions.rawValue && executors.count == shards.count, "a shard a partition")
        self.partitions = partitions
        self.shards = shards
        self.executors = executors
        self.content = content
        self.contentExecutor = contentExecutor
    }

    /// Runs `body` on the shard's loop: at once when this is it.
    private func on(_ partition: Int, _ body: @escaping @Sendable (isolated UserShard) -> Void) {
        let (shard, executor) = (shards[partition], executors[partition])
        if executor.isCurrent {
            shard.assumeIsolated { body($0) }
        } else {
            executor.execute { shard.assumeIsolated { body($0) } }
        }
    }

    /// Runs `body` on the shard's loop, in a turn of its own: the caller goes on at once.
    func later(_ partition: Int, _ body: @escaping @Sendable (isolated UserShard) -> Void) {
        executors[partition].execute { [shard = shards[partition]] in shard.assumeIsolated { body($0) } }
    }

    func laterForContent(_ body: @escaping @Sendable (isolated ContentShard) -> Void) {
        contentExecutor.execute { [content] in content.assumeIsolated { body($0) } }
    }

    /// Runs `body` for every shard, one hop a loop.
    package func onEach(_ body: @escaping @Sendable (isolated UserShard) -> Void) {
        for loop in loops {
            loop.executor.execute { for shard in loop.shards { shard.assumeIsolated { body($0) } } }
        }
    }

    /// Ends all shards: memory is discarded and whoever waits hears why.
    package func abandon(because reason: String) {
        onEach { $0.end(because: reason) }
        contentExecutor.execute { [content] in content.assumeIsolated { $0.end(because: reason) } }
    }

    private var loops: [(executor: any NodeExecutor, shards: [UserShard])] {
        var loops: [(executor: any NodeExecutor, shards: [UserShard])] = []
        for (shard, executor) in zip(shards, executors) {
            if let index = loops.firstIndex(where: { $0.executor === executor }) {
                loops[index].shards.append(shard)
            } else {
                loops.append((executor, [shard]))
            }
        }
        return loops
    }

    package func replaceCatalogue(_ snapshot: CatalogueSnapshot) {
        catalogueBox.withLock { $0 = snapshot }
        onEach { $0.refresh(snapshot) }
    }

    package func replacePopularity(_ snapshot: PopularitySnapshot) {
        popularityBox.withLock { $0 = snapshot }
        onEach { $0.refresh(snapshot) }
    }

    func note(_ occupancy: ShardOccupancy) { occupancyBox.withLock { $0[occupancy.partition] = occupancy } }

    /// Ascending by partition.
    var notedOccupancies: [ShardOccupancy] {
        occupancyBox.withLock { $0.values.sorted { $0.partition < $1.partition } }
    }

    /// The answers of all shards, in the order of partitions.
    package func gather<Value: Sendable>(
        _ ask: @escaping @Sendable (isolated UserShard, @escaping @Sendable (Value) -> Void) -> Void
    ) async -> [Value] {
        var values: [Value] = []
        values.reserveCapacity(shards.count)
        for partition in shards.indices {
            values.append(
                await withCheckedContinuation { continuation in
                    on(partition) { shard in ask(shard) { continuation.resume(returning: $0) } }
                })
        }
        return values
    }

    /// One shard's answer.
    package func ask<Value: Sendable>(
        _ partition: PartitionID,
        _ ask: @escaping @Sendable (isolated UserShard, @escaping @Sendable (Value) -> Void) -> Void
    ) async -> Value {
        await withCheckedContinuation { continuation in
            on(Int(partition.rawValue)) { shard in ask(shard) { continuation.resume(returning: $0) } }
        }
    }

    /// The content shard's answer.
    package func askContent<Value: Sendable>(
        _ ask: @escaping @Sendable (isolated ContentShard, @escaping @Sendable (Value) -> Void) -> Void
    ) async -> Value {
        await withCheckedContinuation { continuation in
            contentExecutor.execute { [content] in
                content.assumeIsolated { shard in ask(shard) { continuation.resume(returning: $0) } }
            }
        }
    }
}

extension ShardRouter: ShardRouting {
    package func report(
        _ events: [SubmittedEvent], of user: UserKey, durability: RequestedDurability, deadline: BootInstant?,
        completion: @escaping @Sendable (Result<ReportOutcome, ShardError>) -> Void
    ) {
        on(Int(user.partition(of: partitions).rawValue)) { shard in
            shard.report(events, of: user, durability: durability, deadline: deadline, completion: completion)
        }
    }

    package func slate(_ query: SlateQuery, completion: @escaping @Sendable (Result<Slate, ShardError>) -> Void) {
        on(Int(query.user.partition(of: partitions).rawValue)) { shard in completion(shard.slate(query)) }
    }

    package func reports() async -> [ShardReport] {
        await gather { shard, answer in answer(shard.inspect()) }
    }
}

extension ShardRouter: ContentRouting {
    package func publish(
        _ events: [ContentEvent], id: EventID?,
        completion: @escaping @Sendable (Result<PublishOutcome, ShardError>) -> Void
    ) {
        contentExecutor.execute { [content] in
            content.assumeIsolated { $0.publish(events, id: id, completion: completion) }
        }
    }

    package func catalogue() -> CatalogueSnapshot { catalogueBox.withLock { $0 } }

    package func popularity() -> PopularitySnapshot { popularityBox.withLock { $0 } }
}
