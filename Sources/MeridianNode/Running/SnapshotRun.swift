// Writes the snapshots of a running node: one shard after the other, on a thread of its own.

import ClusterModel
package import Logging
package import NodeEnvironment
package import Personalization
package import RegionMirror
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
    /// Hears what the kept snapshots of a topic and partition stand on now (S1b).
    private let onPublished: @Sendable ([LineBase]) -> Void
    /// Whether the next round must not wait for the interval: unsettled incarnations pile up.
    private let hurries: @Sendable () -> Bool
    private let guarded: Mutex<SnapshotCoverage>

    package init(
        router: ShardRouter, store: SnapshotStore, covered: SnapshotCoverage, clock: any NodeClock,
        executor: any DedicatedExecutor, interval: Duration, logger: Logger,
        onPublished: @escaping @Sendable ([LineBase]) -> Void = { _ in },
        hurries: @escaping @Sendable () -> Bool = { false }
    ) {
        self.onPublished = onPublished
        self.hurries = hurries
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
            try await sleep()
            round += 1
            await writeAll(evenIdle: round % Self.roundsBetweenIdle == 1)
        }
    }

    /// For the interval, or for a moment while many incarnations wait to be settled.
    private func sleep() async throws {
        let due = clock.bootTime().advanced(by: interval)
        while true {
            let rest = due.since(clock.bootTime())
            guard rest > .zero else { return }
            try await clock.sleep(for: min(rest, Self.hurriedInterval))
            if hurries() { return }
        }
    }

    private static let hurriedInterval: Duration = .seconds(2)

    /// One round; returns how many were written.
    @discardableResult
    package func writeAll(evenIdle: Bool = false) async -> Int {
        var written = 0
        for partition in router.partitions.all {
            let isWanted = evenIdle || covered.isBehind(.userEvents, partition)
            let view = await router.ask(partition) { shard, answer in
                shard.flushedView(evenIdle: isWanted) { answer($0) }
            }
            guard case .success(let state?) = view else { continue }
            let isWritten = await write("partition \(partition.rawValue)") { store throws(FileError) in
                try store.save(ShardSnapshot.encode(state), of: partition)
            }
            guard isWritten else { continue }
            onVerified(.userEvents, partition, state.lines)
            written += 1
        }
        let isWanted = evenIdle || covered.isBehind(.content, PartitionID(0))
        let view = await router.askContent { shard, answer in shard.flushedView(evenIdle: isWanted) { answer($0) } }
        guard case .success(let state?) = view else { return written }
        let isWritten = await write("the catalogue") { store throws(FileError) in
            try store.saveContent(ContentSnapshot.encode(state))
        }
        guard isWritten else { return written }
        onVerified(.content, PartitionID(0), state.lines)
        return written + 1
    }

    private func onVerified(_ topic: TopicID, _ partition: PartitionID, _ lines: OriginLines) {
        let published = guarded.withLock { covered in
            covered.onVerified(topic, partition, lines)
            return covered.published(topic, partition)
        }
        onPublished(published)
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
