// A log engine with the troubles that a test asks for.

import ClusterModel
import EventLog
import NodeEnvironment
import SegmentLog
import Synchronization

/// What an engine does beside its work.
struct EngineFaults: Sendable {
    /// Refuses a batch instead of taking it.
    var refusal: @Sendable (EncodedBatch) -> EventLogError? = { _ in nil }
    /// Logs whose prefix was trimmed: the first offset that is still there, and the chain digest before it.
    var trimmed: [LogIdentity: (base: Offset, digest: Digest128)] = [:]
    /// Batches of these logs are taken and stay on their way to the disk until `release`.
    var held: Set<LogIdentity> = []
    /// Fails a reading of the disk.
    var readFailure: @Sendable () -> EventLogError? = { nil }
}

/// Passes everything to a real log.
final class FaultyEngine: EventLogEngine {
    private struct State {
        var waiting: [EncodedBatch] = []
        var isReleased = false
        var taken = 0
        var sweeps = 0
    }

    private let log: SegmentLog
    private let faults: EngineFaults
    private let state = Mutex(State())

    init(_ log: SegmentLog, faults: EngineFaults) {
        self.log = log
        self.faults = faults
    }

    /// Batches that were not refused.
    var taken: Int { state.withLock(\.taken) }

    /// Readings of many logs from the disk.
    var sweeps: Int { state.withLock(\.sweeps) }

    /// The disk catches up.
    func release() throws {
        let waiting = state.withLock { state in
            state.isReleased = true
            defer { state.waiting = [] }
            return state.waiting
        }
        for batch in waiting { try log.submit(batch) }
    }

    func submit(_ batch: EncodedBatch) throws(EventLogError) {
        if let refusal = faults.refusal(batch) { throw refusal }
        let isHeld = state.withLock { state in
            state.taken += 1
            guard !state.isReleased, faults.held.contains(batch.header.log) else { return false }
            state.waiting.append(batch)
            return true
        }
        if !isHeld { try log.submit(batch) }
    }

    private func trimmed(_ summary: LogSummary) -> LogSummary {
        guard let trim = faults.trimmed[summary.log] else { return summary }
        var summary = summary
        summary.base = trim.base
        summary.baseDigest = trim.digest
        return summary
    }

    func producers(of line: LogName) -> ProducerTable { log.producers(of: line) }

    var recovered: RecoveryReport { log.recovered }
    var failure: EventLogError? { log.failure }

    var isFull: Bool { log.isFull }

    func logs() -> [LogSummary] { log.logs().map(trimmed) }

    func summary(of log: LogIdentity) -> LogSummary? { self.log.summary(of: log).map(trimmed) }

    func observe(_ log: LogIdentity, on executor: any NodeExecutor, _ observer: any LogObserver) {
        self.log.observe(log, on: executor, observer)
    }

    func flushedEnd(of log: LogIdentity) -> Offset { self.log.flushedEnd(of: log) }

    func chainDigest(of log: LogIdentity, at offset: Offset) -> Digest128? {
        self.log.chainDigest(of: log, at: offset)
    }

    func read(_ log: LogIdentity, from offset: Offset, maxBytes: Int) throws(EventLogError) -> [EncodedBatch] {
        try self.log.read(log, from: offset, maxBytes: maxBytes)
    }

    func read(
        _ places: [(log: LogIdentity, offset: Offset)], total: Int
    ) throws(EventLogError) -> [LogIdentity: LogReading] {
        state.withLock { $0.sweeps += 1 }
        if let failure = faults.readFailure() { throw failure }
        return try log.read(places, total: total)
    }

    func watch(on executor: any NodeExecutor, _ onCommit: @escaping @Sendable ([LogIdentity]) -> Void) -> Bool {
        log.watch(on: executor, onCommit)
    }

    func recent(_ log: LogIdentity, from offset: Offset, maxBytes: Int) -> [EncodedBatch]? {
        self.log.recent(log, from: offset, maxBytes: maxBytes)
    }

    func drop(below floors: [LogName: Incarnation]) throws(EventLogError) { try log.drop(below: floors) }

    func close() async { await log.close() }
}
