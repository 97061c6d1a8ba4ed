// A region's disk for tests of shards: the contract of an engine over arrays, with flushes held back and reads that fail.

import ClusterModel
import EventLog
import NodeEnvironment
import Synchronization

final class MemoryEngine: EventLogEngine {
    private struct Watching {
        let executor: any NodeExecutor
        let observer: any LogObserver
    }

    private struct State {
        var flushed: [LogIdentity: [EncodedBatch]] = [:]
        var waiting: [EncodedBatch] = []
        var watching: [LogIdentity: Watching] = [:]
        var holdsFlushes = false
        var failingReads = 0
        var reads = 0
        var keepsRecent = true
    }

    private let state: Mutex<State>

    init() { state = Mutex(State()) }

    private init(_ flushed: [LogIdentity: [EncodedBatch]]) { state = Mutex(State(flushed: flushed)) }

    /// An earlier or later copy of the disk.
    func copy() -> MemoryEngine { MemoryEngine(state.withLock(\.flushed)) }

    var recovered: RecoveryReport { RecoveryReport(logs: logs(), isFirstStart: logs().isEmpty) }
    var failure: EventLogError? { nil }

    var holdsFlushes: Bool {
        get { state.withLock(\.holdsFlushes) }
        set { state.withLock { $0.holdsFlushes = newValue } }
    }
    /// How many of the next reads fail.
    var failingReads: Int {
        get { state.withLock(\.failingReads) }
        set { state.withLock { $0.failingReads = newValue } }
    }
    /// Off: followers go to the disk.
    var keepsRecent: Bool {
        get { state.withLock(\.keepsRecent) }
        set { state.withLock { $0.keepsRecent = newValue } }
    }
    var reads: Int { state.withLock(\.reads) }

    func submit(_ batch: EncodedBatch) throws(EventLogError) {
        let extends = state.withLock { state in
            let last = state.waiting.last { $0.header.log == batch.header.log }
            let end = (last ?? state.flushed[batch.header.log]?.last)?.endOffset ?? .zero
            guard batch.header.baseOffset == end else { return false }
            state.waiting.append(batch)
            return true
        }
        guard extends else {
            throw EventLogError(.doesNotExtend, log: batch.header.log, "at \(batch.header.baseOffset)")
        }
        if !holdsFlushes { flush() }
    }

    func flush() {
        let moved = state.withLock { state -> [(LogIdentity, Offset, Watching?)] in
            for batch in state.waiting { state.flushed[batch.header.log, default: []].append(batch) }
            let logs = Set(state.waiting.map(\.header.log)).sorted()
            state.waiting = []
            return logs.map { ($0, state.flushed[$0]?.last?.endOffset ?? .zero, state.watching[$0]) }
        }
        for (log, end, watching) in moved {
            watching?.executor.execute { watching?.observer.logFlushed(log, to: end) }
        }
    }

    /// What a power cut loses.
    func loseUnflushed() { state.withLock { $0.waiting = [] } }

    func observe(_ log: LogIdentity, on executor: any NodeExecutor, _ observer: any LogObserver) {
        state.withLock { $0.watching[log] = Watching(executor: executor, observer: observer) }
    }

    func batches(of log: LogIdentity) -> [EncodedBatch] { state.withLock { $0.flushed[log] ?? [] } }

    func flushedEnd(of log: LogIdentity) -> Offset { batches(of: log).last?.endOffset ?? .zero }

    func logs() -> [LogSummary] {
        state.withLock { state in state.flushed.keys.sorted().compactMap { Self.summary(state.flushed[$0] ?? []) } }
    }

    func summary(of log: LogIdentity) -> LogSummary? { Self.summary(batches(of: log)) }

    private static func summary(_ batches: [EncodedBatch]) -> LogSummary? {
        guard let first = batches.first, let last = batches.last else { return nil }
        return LogSummary(
            log: first.header.log, base: first.header.baseOffset, baseDigest: first.header.previousDigest,
            flushedEnd: last.endOffset, endDigest: last.chainDigest, lastStamp: last.header.lastStamp,
            epoch: last.header.epoch)
    }

    func chainDigest(of log: LogIdentity, at offset: Offset) -> Digest128? {
        offset == .zero ? .zero : batches(of: log).first { $0.endOffset == offset }?.chainDigest
    }

    func read(_ log: LogIdentity, from offset: Offset, maxBytes: Int) throws(EventLogError) -> [EncodedBatch] {
        let fails = state.withLock { state in
            state.reads += 1
            defer { state.failingReads = max(0, state.failingReads - 1) }
            return state.failingReads > 0
        }
        if fails { throw EventLogError(.io, log: log, "bad sector") }
        return batches(of: log).filter { $0.endOffset > offset }
    }

    func read(
        _ places: [(log: LogIdentity, offset: Offset)], total: Int
    ) throws(EventLogError) -> [LogIdentity: LogReading] {
        var readings: [LogIdentity: LogReading] = [:]
        for (log, offset) in places {
            let batches = try read(log, from: offset, maxBytes: total)
            if !batches.isEmpty { readings[log] = .batches(batches) }
        }
        return readings
    }

    func recent(_ log: LogIdentity, from offset: Offset, maxBytes: Int) -> [EncodedBatch]? {
        keepsRecent ? batches(of: log).filter { $0.endOffset > offset } : nil
    }

    func watch(on executor: any NodeExecutor, _ onCommit: @escaping @Sendable ([LogIdentity]) -> Void) -> Bool { true }
    func close() async {}
}
