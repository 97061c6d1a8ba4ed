// Writes the snapshots of a running node: one shard after the other, on a thread of its own.

import ClusterModel
package import Logging
package import NodeEnvironment
package import OperatorAPI
package import Personalization
package import RegionMirror
import Synchronization

/// Every interval each shard that changed is snapshotted, at a vector that is flushed (S6), and the catalogue; once in a
/// while those that did not change too, so that their logs can be trimmed.
package final class SnapshotRun: Sendable {
    /// Every so many rounds also idle shards are written.
    package static let roundsBetweenIdle: UInt64 = 10

    private struct State: Sendable {
        var covered: SnapshotCoverage
        var ages: SnapshotAges
        /// How often each was published from elsewhere: a view of before that is not written any more.
        var replaced: [SnapshotOwner: Int] = [:]
    }

    private let router: ShardRouter
    private let store: SnapshotStore
    private let clock: any NodeClock
    private let executor: any DedicatedExecutor
    private let interval: Duration
    private let logger: Logger
    private let owners: [SnapshotOwner]
    /// Hears of everything that is written.
    private let published: PublishedSnapshots?
    /// Hears what the kept snapshots of a topic and partition stand on now (S1b).
    private let onPublished: @Sendable ([LineBase]) -> Void
    /// Whether the next round must not wait for the interval: unsettled incarnations pile up.
    private let hurries: @Sendable () -> Bool
    private let guarded: Mutex<State>

    package convenience init(
        router: ShardRouter, store: SnapshotStore, covered: SnapshotCoverage, clock: any NodeClock,
        executor: any DedicatedExecutor, interval: Duration, logger: Logger,
        onPublished: @escaping @Sendable ([LineBase]) -> Void = { _ in },
        hurries: @escaping @Sendable () -> Bool = { false }
    ) {
        self.init(
            router: router, store: store, covered: covered, published: nil, clock: clock, executor: executor,
            interval: interval, logger: logger, onPublished: onPublished, hurries: hurries)
    }

    init(
        router: ShardRouter, store: SnapshotStore, covered: SnapshotCoverage, published: PublishedSnapshots?,
        clock: any NodeClock, executor: any DedicatedExecutor, interval: Duration, logger: Logger,
        onPublished: @escaping @Sendable ([LineBase]) -> Void = { _ in },
        hurries: @escaping @Sendable () -> Bool = { false }
    ) {
        self.published = published
        self.onPublished = onPublished
        self.hurries = hurries
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
        // What a start restored is published: others wait for nothing more (S1b).
        for owner in owners { onPublished(covered.published(owner)) }
        var round: UInt64 = 0
        while true {
            try await sleep()
            round &+= 1
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
            // A node that stops does not write the others first.
            if Task.isCancelled { return written }
            let owner = SnapshotOwner.shard(partition)
            let (isWanted, replaced) = look(at: owner, evenIdle)
            let view = await router.ask(partition) { shard, answer in
                shard.flushedView(evenIdle: isWanted) { answer($0) }
            }
            guard case .success(let state?) = view else { continue }
            let isWritten = await write(owner, at: state.lines, unless: replaced) { store throws(FileError) in
                try store.save(ShardSnapshot.encode(state), of: partition)
            }
            if isWritten { written += 1 }
        }
        if Task.isCancelled { return written }
        let (isWanted, replaced) = look(at: .content, evenIdle)
        let view = await router.askContent { shard, answer in shard.flushedView(evenIdle: isWanted) { answer($0) } }
        guard case .success(let state?) = view else { return written }
        let isWritten = await write(.content, at: state.lines, unless: replaced) { store throws(FileError) in
            try store.saveContent(ContentSnapshot.encode(state))
        }
        return isWritten ? written + 1 : written
    }

    /// Whether the owner is written also where nothing changed, and how often it was published from elsewhere so far.
    private func look(at owner: SnapshotOwner, _ evenIdle: Bool) -> (isWanted: Bool, replaced: Int) {
        guarded.withLock { state in
            let isWanted = evenIdle || state.ages.isFailing(owner) || state.covered.isBehind(owner)
            return (isWanted, state.replaced[owner] ?? 0)
        }
    }

    private func replaced(_ owner: SnapshotOwner) -> Int { guarded.withLock { $0.replaced[owner] ?? 0 } }

    /// Publishes another member's snapshot as this node's own (S5). From then on no view of before is written over it. Throws
    /// FileError.
    func publish(_ bytes: [UInt8], of owner: SnapshotOwner, lines: OriginLines) async throws {
        guarded.withLock { $0.replaced[owner, default: 0] += 1 }
        let saved = try await executor.run { [store] () throws(FileError) in
            try owner == .content ? store.saveContent(bytes) : store.save(bytes, of: owner.partition)
        }
        onSaved(owner, saved, lines)
    }

    private func onSaved(_ owner: SnapshotOwner, _ saved: SavedSnapshot, _ lines: OriginLines) {
        let now = clock.bootTime()
        let bases = guarded.withLock { state in
            state.covered.onVerified(owner, saved.kept)
            state.ages.onWritten(owner, at: now)
            return state.covered.published(owner)
        }
        published?.onSaved(owner, saved, lines)
        onPublished(bases)
    }

    private func write(
        _ owner: SnapshotOwner, at lines: OriginLines, unless replaced: Int,
        _ body: @escaping @Sendable (SnapshotStore) throws(FileError) -> SavedSnapshot
    ) async -> Bool {
        do {
            let saved = try await executor.run { [self] () throws(FileError) -> SavedSnapshot? in
                // Both are written on this thread, one behind the other.
                guard self.replaced(owner) == replaced else { return nil }
                return try body(store)
            }
            guard let saved else { return false }
            onSaved(owner, saved, lines)
            return true
        } catch {
            guarded.withLock { $0.ages.onFailed(owner, "\(error)") }
            logger.error("snapshot not written", metadata: ["of": "\(owner)", "error": "\(error)"])
            return false
        }
    }
}
