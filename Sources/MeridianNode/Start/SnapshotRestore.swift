// The first half of a start: all shards' snapshots, read and verified on as many threads as the node has loops.

import ClusterModel
package import NodeEnvironment
package import Personalization
import Synchronization

/// What the snapshots of a node held, before anything is folded into it.
package struct RestoredSnapshots: Sendable {
    /// By partition number; nil where none verifies.
    package var shards: [ShardState?]
    package var content: ContentState?
    /// Why others did not verify; an older one or the log serves instead.
    package var refused: [String] = []

    /// Nothing: everything is folded from the logs.
    package init(partitions: Int) { shards = Array(repeating: nil, count: partitions) }

    var coverage: SnapshotCoverage {
        var coverage = SnapshotCoverage()
        for item in lines { coverage.onVerified(item.topic, item.partition, item.lines) }
        return coverage
    }

    var lines: [(topic: TopicID, partition: PartitionID, lines: OriginLines)] {
        let users = shards.compactMap { state in state.map { (TopicID.userEvents, $0.partition, $0.lines) } }
        return users + (content.map { [(TopicID.content, PartitionID(0), $0.lines)] } ?? [])
    }
}

/// Reads each partition's newest snapshot that verifies. The journal holds all partitions in one stream, so no shard
/// serves before all are restored: the order decides only how well the threads are used. The hottest shard comes first,
/// whose snapshot is the largest since it holds the ids of recent events besides the users; the others fill the time that
/// it takes.
package struct SnapshotRestore: Sendable {
    private let store: SnapshotStore
    private let partitions: [PartitionID]
    private let contents: Int
    private let executors: any ExecutorPool

    /// What was found of one partition.
    private typealias Shard = (partition: PartitionID, state: ShardState?, refused: [String])

    /// Partitions that no thread has taken yet.
    private final class Waiting: Sendable {
        private let partitions: Mutex<[PartitionID]>

        init(hottestLast: [PartitionID]) { partitions = Mutex(hottestLast) }

        func next() -> PartitionID? { partitions.withLock { $0.popLast() } }
    }

    package init(_ configuration: NodeConfiguration, environment: NodeEnvironment) {
        store = SnapshotStore(
            directory: NodeRecoveryRun.snapshotDirectory(configuration), files: environment.files)
        partitions = configuration.deployment.partitions.all
        contents = configuration.limits.contents
        executors = environment.executors
    }

    /// On threads of its own, one a loop at most; each holds the bytes of one snapshot at a time. Throws FileError.
    package func run() async throws -> RestoredSnapshots {
        let lanes = (0..<min(executors.loops.count, partitions.count)).map {
            executors.makeDedicatedExecutor(label: "restore-\($0)")
        }
        defer { for lane in lanes { lane.shutDown() } }
        let waiting = Waiting(
            hottestLast: try await lanes[0].run { () throws(FileError) in try store.ascendingBySize(partitions) })
        var found = RestoredSnapshots(partitions: partitions.count)
        try await withThrowingTaskGroup(of: [Shard].self) { group in
            for lane in lanes {
                group.addTask {
                    var shards: [Shard] = []
                    while let partition = waiting.next() {
                        shards.append(try await lane.run { () throws(FileError) in try restore(partition) })
                    }
                    return shards
                }
            }
            for try await shards in group { for shard in shards { found.take(shard) } }
        }
        found.take(try await lanes[0].run { () throws(FileError) in try store.loadContent(limit: contents) })
        return found
    }

    /// The same on the caller's thread, which it blocks.
    package func runHere() throws(FileError) -> RestoredSnapshots {
        var found = RestoredSnapshots(partitions: partitions.count)
        for partition in partitions { found.take(try restore(partition)) }
        found.take(try store.loadContent(limit: contents))
        return found
    }

    private func restore(_ partition: PartitionID) throws(FileError) -> Shard {
        let (state, refused) = try store.load(partition)
        return (partition, state, refused)
    }
}

extension RestoredSnapshots {
    /// What was restored of a log's topic and partition is not used.
    mutating func refuse(_ name: LogName, _ reason: String) {
        if name.topic == .content { content = nil } else { shards[Int(name.partition.rawValue)] = nil }
        refused.append(reason)
    }

    fileprivate mutating func take(_ shard: (partition: PartitionID, state: ShardState?, refused: [String])) {
        shards[Int(shard.partition.rawValue)] = shard.state
        refused += shard.refused
    }

    fileprivate mutating func take(_ catalogue: (state: ContentState?, refused: [String])) {
        content = catalogue.state
        refused += catalogue.refused
    }
}
