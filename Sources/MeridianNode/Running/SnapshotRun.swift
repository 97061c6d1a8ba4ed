// Writes the snapshots of a running node: one shard after the other, on a thread of its own.

import ClusterModel
package import Logging
package import NodeEnvironment
package import OperatorAPI
package import Personalization
import Synchronization

/// Every interval each shard that changed is snapshotted, at a vector that is flushed (S6), and the catalogue; once in a
/// while those that did not change too, so that their logs can be trimmed.
package final class SnapshotRun: Sendable {
    /// Every so many rounds also idle shards are written.
    package static let roundsBetweenIdle: UInt64 = 10

    private struct State: Sendable {
        var covered: SnapshotCoverage
        var ages: SnapshotAges
    }

    private let router: ShardRouter
    private let store: SnapshotStore
    private let clock: any NodeClock
    private let executor: any DedicatedExecutor
    private let interval: Duration
    private let logger: Logger
    private let owners: [SnapshotOwner]
    private let guarded: Mutex<State>

    package init(
        router: ShardRouter, store: SnapshotStore, covered: SnapshotCoverage, clock: any NodeClock,
        executor: any DedicatedExecutor, interval: Duration, logger: Logger
    ) {
        self.router = router
        self.store = store
        owners = router.partitions.all.map { .shard($0) } + [.content]
        guarded = Mutex(
            State(covered: covered, ages: SnapshotAges(owners, every: interval, at: clock.bootTime())))
        self.clock = clock
        self.executor = executor
        self.interval = interval
        self.logger = logger
    }

    /// What the snapshots on the disk cover.
    package var covered: SnapshotCoverage { guarded.withLock(\.covered) }

    /// As of now. Never blocks on the disk.
    package var facts: SnapshotFacts {
        let now = clock.bootTime()
        return guarded.withLock { state in
            var facts = state.ages.facts(at: now)
            facts.unpaired = state.covered.unpaired(of: owners)
            return facts
        }
    }

    /// Runs until it is cancelled. A snapshot that cannot be written is reported and tried again next time.
    package func run() async throws {
        var round: UInt64 = 0
        while true {
            try await clock.sleep(for: interval)
            round &+= 1
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
            let owner = SnapshotOwner.shard(partition)
            let isWanted = evenIdle || guarded.withLock { $0.ages.isFailing(owner) }
            let view = await router.ask(partition) { shard, answer in
                shard.flushedView(evenIdle: isWanted) { answer($0) }
            }
            guard case .success(let state?) = view else { continue }
            let isWritten = await write(owner) { store throws(FileError) in
                try store.save(ShardSnapshot.encode(state), of: partition)
            }
            if isWritten { written += 1 }
        }
        let isWanted = evenIdle || guarded.withLock { $0.ages.isFailing(.content) }
        let view = await router.askContent { shard, answer in shard.flushedView(evenIdle: isWanted) { answer($0) } }
        guard case .success(let state?) = view else { return written }
        let isWritten = await write(.content) { store throws(FileError) in
            try store.saveContent(ContentSnapshot.encode(state))
        }
        return isWritten ? written + 1 : written
    }

    private func write(
        _ owner: SnapshotOwner, _ body: @escaping @Sendable (SnapshotStore) throws(FileError) -> [SnapshotStore.Kept]
    ) async -> Bool {
        do {
            let kept = try await executor.run { [store] () throws(FileError) in try body(store) }
            let now = clock.bootTime()
            guarded.withLock { state in
                state.covered.onVerified(owner, kept)
                state.ages.onWritten(owner, at: now)
            }
            return true
        } catch {
            guarded.withLock { $0.ages.onFailed(owner, "\(error)") }
            logger.error("snapshot not written", metadata: ["of": "\(owner)", "error": "\(error)"])
            return false
        }
    }
}
