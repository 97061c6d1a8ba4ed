// Brings states back that their own disk cannot: an empty or an old one, or one whose logs are trimmed behind a cut (S5, S1a).
//
// For each topic and partition, one after the other: fetch a snapshot of a member and verify it | publish it here | let the
// logs go on from it | put it in the shard's place, with what is held on top | forget what was fetched. What each step leaves
// is synced before the next (S1b); a crash between two of them repeats the item. A snapshot that is published here and whose
// logs do not go on from it is passed over by the next start as one that is ahead of its logs.

import ClusterModel
import EventLog
import Logging
import NodeEnvironment
import OperatorAPI
import Personalization
import RegionMirror
import SegmentLog
import Synchronization

/// Runs beside a node with peers. What it knows is read by operators from any thread.
final class BootstrapRun: Sendable {
    private let log: SegmentLog
    private let mirror: RegionMirror
    private let router: ShardRouter
    private let snapshots: SnapshotRun
    private let wants: BootstrapWants
    private let fetch: SnapshotFetch
    private let contents: Int
    private let clock: any NodeClock
    private let executor: any DedicatedExecutor
    private let logger: Logger
    private let guarded = Mutex(BootstrapFacts())
    private let course = Mutex(Course())

    /// What one item's fetch leaves for the next.
    private struct Course: Sendable {
        /// Whose snapshot was refused, or came too slowly, last: the others are asked first from then on.
        var refused: RegionNumber?
        /// Whose snapshot each item was brought back from: where that was of no use, another member is asked first. One an item.
        var sources: [SnapshotItem: RegionNumber] = [:]
        /// What was said last of why nothing comes on, and when; nil since something did.
        var told: (reason: String, at: BootInstant)?

        func avoided(_ item: SnapshotItem) -> RegionNumber? { refused ?? sources[item] }

        /// The first reason is told, then the one that stands after a while where it is another.
        mutating func tells(_ reason: String, at now: BootInstant) -> Bool {
            if let told, told.reason == reason || now.since(told.at) < BootstrapRun.silence { return false }
            told = (reason, now)
            return true
        }
    }

    /// How often it is looked whether something is to be done.
    private static let interval: Duration = .milliseconds(200)
    /// After a snapshot that was not taken, or that nobody has.
    private static let pause: Duration = .milliseconds(500)
    /// After this disk took nothing: none of the other items is begun meanwhile.
    private static let diskPause: Duration = .seconds(5)
    /// At most one line so often says why nothing comes on: reasons take turns.
    private static let silence: Duration = .seconds(10)
    /// How long logs that are coming anyway are waited for, so that what is held of them stays.
    private static let patience: Duration = .seconds(10)

    /// `executor`: a thread that may block for long.
    init(
        log: SegmentLog, mirror: RegionMirror, router: ShardRouter, snapshots: SnapshotRun, wants: BootstrapWants,
        configuration: NodeConfiguration, clock: any NodeClock, executor: any DedicatedExecutor, logger: Logger
    ) {
        self.log = log
        self.mirror = mirror
        self.router = router
        self.snapshots = snapshots
        self.wants = wants
        self.clock = clock
        self.executor = executor
        self.logger = logger
        contents = configuration.limits.contents
        fetch = mirror.snapshotFetch(on: executor)
    }

    /// As of now. Never blocks.
    var facts: BootstrapFacts { guarded.withLock(\.self) }

    /// Whether some state waits for a snapshot: such a node trims nothing (S1a).
    var isNeeded: Bool { facts.waiting > 0 }

    /// Runs until it is cancelled; what was fetched by then is on the disk, and the next start goes on with it.
    func run() async throws {
        while true {
            let items = wanted()
            guarded.withLock { $0.waiting = items.count }
            try await clock.sleep(for: try await bring(items))
        }
    }

    /// One item after the other; how long to wait before the next round.
    private func bring(_ items: [SnapshotItem]) async throws -> Duration {
        var pause = items.isEmpty ? Self.interval : Self.pause
        for item in items {
            switch try await bring(item) {
            case .inPlace:
                pause = Self.interval
                guarded.withLock { $0.waiting = max(0, $0.waiting - 1) }
            case .waiting: continue
            case .diskFailed: return Self.diskPause
            }
        }
        return pause
    }

    /// What shards ask for, and what mirrors cannot have from its start.
    private func wanted() -> [SnapshotItem] {
        let short = (mirror.shortLogs() + mirror.leftLogs()).map(\.name)
        let items = short.map { SnapshotItem(topic: $0.topic, partition: $0.partition) }
        return Set(items + wants.all).filter(isOwn).sorted()
    }

    private func isOwn(_ item: SnapshotItem) -> Bool {
        switch item.topic {
        case .userEvents: Int(item.partition.rawValue) < router.partitions.rawValue
        case .content: item.partition == PartitionID(0)
        default: false
        }
    }

    private enum Outcome {
        /// The item's state goes on from a fetched one now.
        case inPlace
        case waiting
        /// This disk does not take what is fetched: it will not take another item either.
        case diskFailed
    }

    /// Throws CancellationError only.
    private func bring(_ item: SnapshotItem) async throws -> Outcome {
        do {
            guard let owner = SnapshotOwner(item), let fetched = try await fetched(item) else { return .waiting }
            let state: FetchedState
            do {
                state = try await decoded(fetched)
                if let lie = fetched.snapshot.contradiction(to: state.lines, written) {
                    throw SnapshotError.malformed(lie)
                }
            } catch let error as SnapshotError {
                try await fetch.forget(item)
                course.withLock { $0.refused = fetched.source }
                fail("the snapshot of region \(fetched.source.rawValue) is refused: \(error)")
                return .waiting
            }
            try await waitForComing(fetched.snapshot)
            try await snapshots.publish(fetched.bytes, of: owner, lines: state.lines)
            try await adopt(fetched.snapshot.bases)
            do {
                try await put(state)
            } catch let refusal as BootstrapRefusal {
                // Another one is fetched: the members have gone on meanwhile.
                try await fetch.forget(item)
                fail(refusal.description)
                return .waiting
            }
            wants.remove(item)
            try await fetch.forget(item)
            succeed(item, fetched)
            return .inPlace
        } catch let error as CancellationError {
            throw error
        } catch {
            fail("\(error)")
            return error is FileError || (error as? EventLogError)?.code == .io ? .diskFailed : .waiting
        }
    }

    private var written: WrittenLogs {
        WrittenLogs(region: mirror.region, incarnation: mirror.writtenIncarnation) { [log] in log.flushedEnd(of: $0) }
    }

    private func fetched(_ item: SnapshotItem) async throws -> SnapshotFetch.Fetched? {
        let short = mirror.shortLogs().filter { item.concerns($0.name) }
        let (log, mirror) = (log, mirror)
        return try await fetch.fetch(item, lastFrom: course.withLock { $0.avoided(item) }) { snapshot in
            // What is trimmed up to its agreed end is over, whoever holds it (S1a).
            let held = log.logs().filter { summary in
                mirror.agreedEnd(of: summary.log).map { summary.base < $0 } ?? true
            }
            return BootstrapFit(held: held, short: short).fits(snapshot)
        } onProgress: { progress in
            guarded.withLock { facts in
                facts.current = "\(item.topic.rawValue)/\(item.partition.rawValue)"
                facts.source = progress.source
                (facts.position, facts.length) = (progress.position, progress.length)
            }
        } onSlow: { source in
            course.withLock { $0.refused = source }
        } why: { reason in
            fail(reason)
        }
    }

    /// Throws SnapshotError where the bytes are no state of the item, or not of this time, and CancellationError.
    private func decoded(_ fetched: SnapshotFetch.Fetched) async throws -> FetchedState {
        let (item, contents, ceiling) = (fetched.snapshot.item, contents, TimeCeiling(at: clock.wallTime()))
        return try await executor.run { () throws(any Error) -> FetchedState in
            try FetchedState(fetched.bytes, of: item, contents: contents, upTo: ceiling)
        }
    }

    /// What some holder still has from where this disk ends is pulled, not given up: only what is held as bytes is acknowledged.
    private func waitForComing(_ snapshot: PublishedSnapshot) async throws {
        let deadline = clock.bootTime().advanced(by: Self.patience)
        while clock.bootTime() < deadline {
            let isComing = snapshot.bases.contains { base in
                let end = log.flushedEnd(of: base.log)
                return end > .zero && end < base.offset && mirror.isComing(base.log, to: base.offset)
            }
            guard isComing else { return }
            try await clock.sleep(for: Self.interval)
        }
    }

    private func adopt(_ bases: [LogBase]) async throws {
        try await executor.run { [log] () throws(EventLogError) in try log.adopt(bases) }
        mirror.onAdopted(bases.map(\.log))
    }

    private func put(_ state: FetchedState) async throws {
        switch state {
        case .users(let state): try await router.bootstrap(from: state)
        case .content(let state): try await router.bootstrapContent(from: state)
        }
    }

    // MARK: What people hear

    private func succeed(_ item: SnapshotItem, _ fetched: SnapshotFetch.Fetched) {
        course.withLock { course in
            course.sources[item] = fetched.source
            course.told = nil
        }
        guarded.withLock { facts in
            facts.done += 1
            facts.bytes += fetched.snapshot.length
            facts.current = nil
            facts.failure = nil
        }
        logger.notice(
            "bootstrapped",
            metadata: [
                "topic": "\(item.topic.rawValue)", "partition": "\(item.partition.rawValue)",
                "from": "\(fetched.source.rawValue)", "bytes": "\(fetched.snapshot.length)",
            ])
    }

    private func fail(_ reason: String) {
        guarded.withLock { $0.failure = reason }
        guard course.withLock({ $0.tells(reason, at: clock.bootTime()) }) else { return }
        logger.warning("bootstrap waits", metadata: ["reason": "\(reason)"])
    }
}
