// Writes the snapshots of a running node: one shard after the other, on a thread of its own.

import ClusterModel
package import Logging
package import NodeEnvironment
package import Personalization

/// Every interval each shard that changed is snapshotted, at a vector that is flushed (S6).
package struct SnapshotRun: Sendable {
    private let router: ShardRouter
    private let store: SnapshotStore
    private let clock: any NodeClock
    private let executor: any DedicatedExecutor
    private let interval: Duration
    private let logger: Logger

    package init(
        router: ShardRouter, store: SnapshotStore, clock: any NodeClock, executor: any DedicatedExecutor,
        interval: Duration, logger: Logger
    ) {
        self.router = router
        self.store = store
        self.clock = clock
        self.executor = executor
        self.interval = interval
        self.logger = logger
    }

    /// Runs until it is cancelled. A snapshot that cannot be written is reported and tried again next time: the log
    /// alone is enough to start from.
    package func run() async throws {
        while true {
            try await clock.sleep(for: interval)
            await writeAll()
        }
    }

    /// One round; returns how many were written.
    @discardableResult
    package func writeAll() async -> Int {
        var written = 0
        for partition in router.partitions.all {
            let view = await router.ask(partition) { shard, answer in shard.flushedView { answer($0) } }
            guard case .success(let state?) = view else { continue }
            do {
                try await executor.run { [store] in try store.save(ShardSnapshot.encode(state), of: partition) }
                written += 1
            } catch {
                logger.error(
                    "snapshot not written",
                    metadata: ["partition": "\(partition.rawValue)", "error": "\(error)"])
            }
        }
        return written
    }
}
