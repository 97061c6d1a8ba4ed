// Writes the snapshots of a running node: one shard after the other, on a thread of its own.

import ClusterModel
package import Logging
package import NodeEnvironment
package import Personalization
import Synchronization

/// Every interval each shard that changed is snapshotted, at a vector that is flushed (S6), and the catalogue; once in a
/// while those that did not change too, so that their logs can be trimmed.
package final class SnapshotRun: Sendable {
    /// Every so many rounds also idle shards are written.
    static let roundsBetweenIdle: UInt64 = 10

    private let router: ShardRouter
    private let store: SnapshotStore
    private let clock: any NodeClock
    private let executor: any DedicatedExecutor
    private let interval: Duration
    private let logger: Logger
    private let guarded: Mutex<SnapshotCoverage>

    package init(
        router: ShardRouter, store: SnapshotStore, covered: SnapshotCoverage, clock: any NodeClock,
        executor: any DedicatedExecutor, interval: Duration, logger: Logger
    ) {
        self.router = router
        self.store = store
        guarded = Mutex(covered)
        self.clock = clock
        self.executor = executor
        self.interval = interval
        self.logger = logger
    }

    /// What the snapshots on the disk cover.
    package var covered: SnapshotCoverage { guarded.withLock(\.self) }

    /// Runs until it is cancelled. A snapshot that cannot be written is reported and tried again next time.
    package func run() async throws {
        var round: UInt64 = 0
        while true {
            try await clock.sleep(for: interval)
            round += 1
            await writeAll(evenIdle: round % Self.roundsBetweenIdle == 1)
        }
    }

    /// One round; returns how many were written.
    @discardableResult
    package func writeAll(evenIdle: Bool = false) async -> Int {
        var written = 0
        for partition in router.partitions.all {
            // A node that stops does not write the others first.
            if Task.isCancelled { return written }
            let view = await router.ask(partition) { shard, answer in
                shard.flushedView(evenIdle: evenIdle) { answer($0) }
            }
            guard case .success(let state?) = view else { continue }
            let isWritten = await write("partition \(partition.rawValue)") { store throws(FileError) in
                try store.save(ShardSnapshot.encode(state), of: partition)
            }
            guard isWritten else { continue }
            guarded.withLock { $0.onVerified(.userEvents, partition, state.lines) }
            written += 1
        }
        let view = await router.askContent { shard, answer in shard.flushedView(evenIdle: evenIdle) { answer($0) } }
        guard case .success(let state?) = view else { return written }
        let isWritten = await write("the catalogue") { store throws(FileError) in
            try store.saveContent(ContentSnapshot.encode(state))
        }
        guard isWritten else { return written }
        guarded.withLock { $0.onVerified(.content, PartitionID(0), state.lines) }
        return written + 1
    }

    private func write(
        _ what: String, _ body: @escaping @Sendable (SnapshotStore) throws(FileError) -> Void
    ) async -> Bool {
        do {
            try await executor.run { [store] () throws(FileError) in try body(store) }
            return true
        } catch {
            logger.error("snapshot not written", metadata: ["of": "\(what)", "error": "\(error)"])
            return false
        }
    }
}
