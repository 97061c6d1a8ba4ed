// Batches of the suite's logs, and who hears of their flushes.

import ClusterModel
import EventLog
import NodeEnvironment
import Synchronization

/// Chained batches of a few logs, the same for the same seed.
struct LogFeed {
    private var generator = SeededGenerator(seed: 5)
    private var writers: [OriginLogWriter]
    /// All that was made, by log.
    private(set) var batches: [LogIdentity: [EncodedBatch]] = [:]

    init(logs: Int = 3, incarnation: UInt64 = 1) {
        writers = (0..<logs).map { OriginLogWriter(log: Self.log($0, incarnation), epoch: Epoch(1)) }
    }

    static func log(_ number: Int, _ incarnation: UInt64 = 1) -> LogIdentity {
        LogIdentity(
            name: LogName(region: RegionNumber(1), topic: .userEvents, partition: PartitionID(UInt32(number))),
            incarnation: Incarnation(incarnation))
    }

    var logs: [LogIdentity] { writers.map(\.log) }

    /// The next batch of log `number`: `records` bodies that do not compress.
    mutating func next(_ number: Int = 0, records: Int = 3, bodyBytes: Int = 100) throws -> EncodedBatch {
        for _ in 0..<records {
            var body = ByteWriter(reservingCapacity: bodyBytes + 8)
            while body.count < bodyBytes { body.write(generator.next()) }
            let offset = writers[number].nextOffset.rawValue
            _ = try writers[number].append(
                EventRecord(
                    kind: .interaction, stamp: HybridStamp(rawValue: offset + 7),
                    id: EventID(time: offset, client: 1), body: body.bytes))
        }
        guard let batch = try writers[number].seal(compressing: false) else { throw BatchError.tooLarge }
        batches[batch.header.log, default: []].append(batch)
        return batch
    }

    /// Submits `count` batches in turn over the logs, and waits until they are flushed.
    mutating func fill(_ stage: any EngineStage, _ count: Int, listening recorder: FlushRecorder) async throws {
        for number in 0..<count { try stage.engine.submit(try next(number % writers.count)) }
        for log in logs { await recorder.wait(for: log, to: end(of: log)) }
    }

    func end(of log: LogIdentity) -> Offset { batches[log]?.last?.endOffset ?? .zero }
}

/// Hears what an engine tells of its logs, and lets others wait for it.
final class FlushRecorder: LogObserver {
    struct Heard: Sendable {
        var ends: [Offset] = []
        var fences = 0
    }

    private struct Waiting {
        var log: LogIdentity
        var end: Offset?
        var continuation: CheckedContinuation<Void, Never>
    }

    private struct State {
        var heard: [LogIdentity: Heard] = [:]
        var waiting: [Waiting] = []
    }

    private let state = Mutex(State())

    func heard(of log: LogIdentity) -> Heard { state.withLock { $0.heard[log] ?? Heard() } }

    /// One that hears of `logs`.
    static func observing(_ logs: [LogIdentity], of stage: any EngineStage) -> FlushRecorder {
        let recorder = FlushRecorder()
        recorder.observe(logs, of: stage)
        return recorder
    }

    /// Registers for `logs`.
    func observe(_ logs: [LogIdentity], of stage: any EngineStage) {
        for log in logs { stage.engine.observe(log, on: stage.executor, self) }
    }

    /// Returns once `log` is flushed to `end`, or has ended.
    func wait(for log: LogIdentity, to end: Offset) async { await wait(Optional(end), log) }

    /// Returns once `log` has ended.
    func waitForFence(of log: LogIdentity) async { await wait(nil, log) }

    private func wait(_ end: Offset?, _ log: LogIdentity) async {
        await withCheckedContinuation { continuation in
            let isThere = state.withLock { state in
                let waiting = Waiting(log: log, end: end, continuation: continuation)
                if Self.isOver(waiting, state.heard[log]) { return true }
                state.waiting.append(waiting)
                return false
            }
            if isThere { continuation.resume() }
        }
    }

    private static func isOver(_ waiting: Waiting, _ heard: Heard?) -> Bool {
        guard let end = waiting.end else { return (heard?.fences ?? 0) > 0 }
        return heard?.ends.last ?? .zero >= end || (heard?.fences ?? 0) > 0
    }

    func logFlushed(_ log: LogIdentity, to end: Offset) { hear(log) { $0.ends.append(end) } }

    func logFenced(_ log: LogIdentity, because error: EventLogError) { hear(log) { $0.fences += 1 } }

    private func hear(_ log: LogIdentity, _ change: (inout Heard) -> Void) {
        let ready = state.withLock { state in
            change(&state.heard[log, default: Heard()])
            let heard = state.heard[log]
            let ready = state.waiting.filter { $0.log == log && Self.isOver($0, heard) }
            state.waiting.removeAll { $0.log == log && Self.isOver($0, heard) }
            return ready
        }
        for waiting in ready { waiting.continuation.resume() }
    }
}
