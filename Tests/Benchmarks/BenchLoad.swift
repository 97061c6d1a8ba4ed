// Appends at a rate, each timed to its own disk, to the other region's disk, and to the acknowledgement of that.

import ClusterModel
import DequeModule
import EventLog
import NodeEnvironment
import OperatorCommands
import SegmentLog
import Synchronization

/// Sealed batches of one origin, in turn over its partitions.
struct BenchFeed: Sendable {
    private var writers: [OriginLogWriter]
    private var turn = 0
    private var number: UInt64 = 0
    private let bodyBytes: Int
    private var generator = SeededGenerator(seed: 1)

    init(partitions: Int, bodyBytes: Int, incarnation: Incarnation) {
        writers = (0..<partitions).map { partition in
            let name = LogName(
                region: RegionNumber(1), topic: .userEvents, partition: PartitionID(UInt32(partition)))
            return OriginLogWriter(log: LogIdentity(name: name, incarnation: incarnation), epoch: Epoch(1))
        }
        self.bodyBytes = bodyBytes
    }

    mutating func next(records: Int, at now: WallTime) throws -> EncodedBatch {
        turn = (turn + 1) % writers.count
        for _ in 0..<records {
            number += 1
            // Does not compress: bytes of events are bytes of the log.
            var body = ByteWriter(reservingCapacity: bodyBytes)
            while body.count < bodyBytes { body.write(generator.next()) }
            let id = EventID(time: now.milliseconds << 16, client: number)
            _ = try writers[turn].append(
                EventRecord(kind: .interaction, stamp: HybridStamp(at: now), id: id, body: body.bytes))
        }
        guard let batch = try writers[turn].seal() else {
            throw OperatorFailure(.usage, "a batch without records")
        }
        return batch
    }
}

/// What was appended and has not arrived at one place, and how long it took until it had.
final class BenchArrivals: Sendable {
    private struct Item: Sendable {
        var end: Offset
        var at: BootInstant
    }

    private struct State: Sendable {
        var waiting: [LogIdentity: Deque<Item>] = [:]
        var histogram = LatencyHistogram()
        var count = 0
    }

    private let state = Mutex(State())

    var histogram: LatencyHistogram { state.withLock { $0.histogram } }
    var count: Int { state.withLock { $0.count } }

    func add(_ log: LogIdentity, _ end: Offset, at now: BootInstant) {
        state.withLock { state in
            state.waiting[log, default: []].append(Item(end: end, at: now))
            state.count += 1
        }
    }

    func arrived(_ log: LogIdentity, to end: Offset, at now: BootInstant) {
        state.withLock { state in
            while let first = state.waiting[log]?.first, first.end <= end {
                state.waiting[log]?.removeFirst()
                state.histogram.record(now.since(first.at))
                state.count -= 1
            }
        }
    }
}

/// A load of batches of one event.
final class BenchLoad: Sendable {
    struct Outcome: Sendable {
        var events = 0
        var missing = 0
        var eventsPerSecond = 0.0
        var cpuNanosecondsPerEvent = 0.0
        /// From the append to the own disk, to the other region's disk, and to hearing of that.
        var local = LatencyHistogram()
        var lag = LatencyHistogram()
        var acknowledged = LatencyHistogram()
    }

    private let origin: BenchRegion
    private let follower: BenchRegion
    private let partitions: Int
    private let bodyBytes: Int
    private let clock: any NodeClock
    private let local = BenchArrivals()
    private let remote = BenchArrivals()
    private let acknowledged = BenchArrivals()

    init(origin: BenchRegion, follower: BenchRegion, partitions: Int, bodyBytes: Int, clock: any NodeClock) {
        self.origin = origin
        self.follower = follower
        self.partitions = partitions
        self.bodyBytes = bodyBytes
        self.clock = clock
    }

    func listen(on executor: any NodeExecutor) {
        Self.watch(origin.log, on: executor, clock, local)
        Self.watch(follower.log, on: executor, clock, remote)
        let (clock, acknowledged) = (clock, acknowledged)
        origin.onCursor { log, end in acknowledged.arrived(log, to: end, at: clock.bootTime()) }
    }

    private static func watch(
        _ log: SegmentLog, on executor: any NodeExecutor, _ clock: any NodeClock, _ arrivals: BenchArrivals
    ) {
        _ = log.watch(on: executor) { [weak log] moved in
            guard let log else { return }
            let now = clock.bootTime()
            for identity in moved { arrivals.arrived(identity, to: log.flushedEnd(of: identity), at: now) }
        }
    }

    /// Appends for `duration`, then waits a while for the rest to arrive.
    func run(rate: Int, for duration: Duration, every tick: Duration) async throws -> Outcome {
        var feed = BenchFeed(partitions: partitions, bodyBytes: bodyBytes, incarnation: origin.incarnation)
        try await clock.sleep(for: .milliseconds(300))
        let cpu = CPUTime.process
        let started = clock.bootTime()
        var outcome = Outcome()
        var elapsed = Duration.zero
        while elapsed < duration {
            try append(Int(elapsed / .seconds(1) * Double(rate)), &feed, &outcome)
            try await clock.sleep(for: tick)
            elapsed = clock.bootTime().since(started)
        }
        let seconds = clock.bootTime().since(started) / .seconds(1)
        outcome.cpuNanosecondsPerEvent = (CPUTime.process - cpu) / .nanoseconds(1) / Double(max(1, outcome.events))
        outcome.eventsPerSecond = Double(outcome.events) / seconds
        try await clock.sleep(for: .seconds(1))
        outcome.local = local.histogram
        outcome.lag = remote.histogram
        outcome.acknowledged = acknowledged.histogram
        outcome.missing = remote.count
        return outcome
    }

    /// Appends what is due by now.
    private func append(_ due: Int, _ feed: inout BenchFeed, _ outcome: inout Outcome) throws {
        while outcome.events < due {
            let now = clock.bootTime()
            let batch = try feed.next(records: 1, at: clock.wallTime())
            let (log, end) = (batch.header.log, batch.endOffset)
            local.add(log, end, at: now)
            remote.add(log, end, at: now)
            acknowledged.add(log, end, at: now)
            try origin.log.submit(batch)
            outcome.events += 1
        }
    }
}
