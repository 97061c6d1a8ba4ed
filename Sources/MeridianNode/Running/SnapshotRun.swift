// Writes the snapshots of a running node: one shard after the other, on a thread of its own.

import ClusterModel
package import Logging
package import NodeEnvironment
package import Personalization
import RegionMirror
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
    /// Hears of everything that is written.
    private let published: PublishedSnapshots?
    private let guarded: Mutex<State>

    private struct State {
        var covered: SnapshotCoverage
        /// How often each item was published from elsewhere: a view of before that is not written any more.
        var replaced: [SnapshotItem: Int] = [:]
    }

    package convenience init(
        router: ShardRouter, store: SnapshotStore, covered: SnapshotCoverage, clock: any NodeClock,
        executor: any DedicatedExecutor, interval: Duration, logger: Logger
    ) {
        self.init(
            router: router, store: store, covered: covered, published: nil, clock: clock, executor: executor,
            interval: interval, logger: logger)
    }

    init(
        router: ShardRouter, store: SnapshotStore, covered: SnapshotCoverage, published: PublishedSnapshots?,
        clock: any NodeClock, executor: any DedicatedExecutor, interval: Duration, logger: Logger
    ) {
        self.published = published
        self.router = router
        self.store = store
        guarded = Mutex(State(covered: covered))
        self.clock = clock
        self.executor = executor
        self.interval = interval
        self.logger = logger
    }

    /// What the snapshots on the disk cover.
    package var covered: SnapshotCoverage { guarded.withLock(\.covered) }

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
            let item = SnapshotItem(topic: .userEvents, partition: partition)
            let replaced = replaced(item)
            let view = await router.ask(partition) { shard, answer in
                shard.flushedView(evenIdle: evenIdle) { answer($0) }
            }
            guard case .success(let state?) = view else { continue }
            let isWritten = await write(item, at: state.lines, unless: replaced) { store throws(FileError) in
                try store.save(ShardSnapshot.encode(state), of: partition)
            }
            if isWritten { written += 1 }
        }
        let item = SnapshotItem(topic: .content, partition: PartitionID(0))
        let replaced = replaced(item)
        let view = await router.askContent { shard, answer in shard.flushedView(evenIdle: evenIdle) { answer($0) } }
        guard case .success(let state?) = view else { return written }
        let isWritten = await write(item, at: state.lines, unless: replaced) { store throws(FileError) in
            try store.saveContent(ContentSnapshot.encode(state))
        }
        return written + (isWritten ? 1 : 0)
    }

    private func replaced(_ item: SnapshotItem) -> Int { guarded.withLock { $0.replaced[item] ?? 0 } }

    /// Publishes another member's snapshot as this node's own (S5). From then on no view of before is written over it. Throws
    /// FileError.
    func publish(_ bytes: [UInt8], of item: SnapshotItem, lines: OriginLines) async throws {
        guarded.withLock { $0.replaced[item, default: 0] += 1 }
        let saved = try await executor.run { [store] () throws(FileError) in
            try item.topic == .content ? store.saveContent(bytes) : store.save(bytes, of: item.partition)
        }
        onSaved(item, saved, lines)
    }

    private func onSaved(_ item: SnapshotItem, _ saved: SavedSnapshot, _ lines: OriginLines) {
        guarded.withLock { $0.covered.onVerified(item.topic, item.partition, lines) }
        published?.onSaved(item, saved, lines)
    }

    private func write(
        _ item: SnapshotItem, at lines: OriginLines, unless replaced: Int,
        _ body: @escaping @Sendable (SnapshotStore) throws(FileError) -> SavedSnapshot
    ) async -> Bool {
        do {
            let saved = try await executor.run { [self] () throws(FileError) -> SavedSnapshot? in
                // Both are written on this thread, one behind the other.
                guard self.replaced(item) == replaced else { return nil }
                return try body(store)
            }
            guard let saved else { return false }
            onSaved(item, saved, lines)
            return true
        } catch {
            let what = item.topic == .content ? "the catalogue" : "partition \(item.partition.rawValue)"
            logger.error("snapshot not written", metadata: ["of": "\(what)", "error": "\(error)"])
            return false
        }
    }
}
