// An engine over arrays: the medium of tests of rooms above the log, with flushes held back and reads that fail.

package import ClusterModel
package import EventLog
package import NodeEnvironment
import Synchronization

/// Passes the conformance suite. A flush happens inside `submit`, unless flushes are held.
package final class MemoryEngine: EventLogEngine {
    private struct Watching {
        let executor: any NodeExecutor
        let observer: any LogObserver
    }

    private struct Watcher {
        let executor: any NodeExecutor
        let onCommit: @Sendable ([LogIdentity]) -> Void
    }

    private struct State {
        var flushed: [LogIdentity: [EncodedBatch]] = [:]
        /// Where logs begin that do not begin with their first record.
        var bases: [LogIdentity: LogBase] = [:]
        var waiting: [EncodedBatch] = []
        var producers = ProducerBook()
        var watching: [LogIdentity: Watching] = [:]
        var watchers: [Watcher] = []
        var failure: EventLogError?
        var failsFlushes = false
        var holdsFlushes = false
        var failingReads = 0
        var reads = 0
        var keepsRecent = true
    }

    package let recovered: RecoveryReport
    private let backlogBytes: Int
    private let state: Mutex<State>

    package init(backlogBytes: Int = 64 << 20) {
        recovered = RecoveryReport()
        self.backlogBytes = backlogBytes
        state = Mutex(State())
    }

    private init(_ flushed: [LogIdentity: [EncodedBatch]], wasCleanStop: Bool, backlogBytes: Int) {
        let logs = flushed.keys.sorted().compactMap { Self.summary(flushed[$0] ?? []) }
        recovered = RecoveryReport(logs: logs, wasCleanStop: wasCleanStop, isFirstStart: logs.isEmpty)
        self.backlogBytes = backlogBytes
        var producers = ProducerBook()
        for log in flushed.keys.sorted() { for batch in flushed[log] ?? [] { producers.note(batch.header) } }
        state = Mutex(State(flushed: flushed, producers: producers))
    }

    /// A start on the medium as it is now, or an earlier or later copy of it.
    package func copy(afterCleanStop: Bool = false) -> MemoryEngine {
        MemoryEngine(state.withLock(\.flushed), wasCleanStop: afterCleanStop, backlogBytes: backlogBytes)
    }

    package var failure: EventLogError? { state.withLock(\.failure) }

    /// Memory is bounded by `.backlogFull` alone.
    package var isFull: Bool { false }

    package var holdsFlushes: Bool {
        get { state.withLock(\.holdsFlushes) }
        set { state.withLock { $0.holdsFlushes = newValue } }
    }
    /// How many of the next reads fail.
    package var failingReads: Int {
        get { state.withLock(\.failingReads) }
        set { state.withLock { $0.failingReads = newValue } }
    }
    /// Off: followers go to the disk.
    package var keepsRecent: Bool {
        get { state.withLock(\.keepsRecent) }
        set { state.withLock { $0.keepsRecent = newValue } }
    }
    package var reads: Int { state.withLock(\.reads) }

    // MARK: Appending

    package func submit(_ batch: EncodedBatch) throws(EventLogError) {
        let holds = try state.withLock { state throws(EventLogError) in
            let log = batch.header.log
            if let failure = state.failure { throw failure }
            guard state.waiting.reduce(batch.bytes.count, { $0 + $1.bytes.count }) <= backlogBytes else {
                throw EventLogError(.backlogFull, log: log, "\(state.waiting.count) batches wait")
            }
            let last = state.waiting.last { $0.header.log == log } ?? state.flushed[log]?.last
            let base = state.bases[log]
            guard
                batch.extends(
                    log, end: last?.endOffset ?? base?.offset ?? .zero,
                    digest: last?.chainDigest ?? base?.digest ?? .zero)
            else {
                throw EventLogError(.doesNotExtend, log: log, "at \(batch.header.baseOffset)")
            }
            state.waiting.append(batch)
            state.producers.note(batch.header)
            return state.holdsFlushes
        }
        if !holds { flush() }
    }

    package func flush() {
        if state.withLock({ $0.failsFlushes }) { return poison() }
        let (moved, watchers) = state.withLock { state -> ([(LogIdentity, Offset, Watching?)], [Watcher]) in
            for batch in state.waiting { state.flushed[batch.header.log, default: []].append(batch) }
            let logs = Set(state.waiting.map(\.header.log)).sorted()
            state.waiting = []
            return (logs.map { ($0, state.flushed[$0]?.last?.endOffset ?? .zero, state.watching[$0]) }, state.watchers)
        }
        for (log, end, watching) in moved {
            watching?.executor.execute { watching?.observer.logFlushed(log, to: end) }
        }
        guard !moved.isEmpty else { return }
        let logs = moved.map(\.0)
        for watcher in watchers { watcher.executor.execute { watcher.onCommit(logs) } }
    }

    /// From now on no flush succeeds.
    package func failFlushes() { state.withLock { $0.failsFlushes = true } }

    private func poison() {
        let error = EventLogError(.poisoned, "a flush failed")
        let watching = state.withLock { state in
            state.failure = error
            state.waiting = []
            return state.watching
        }
        for (log, item) in watching.sorted(by: { $0.key < $1.key }) {
            item.executor.execute { item.observer.logFenced(log, because: error) }
        }
    }

    /// Drops whole batches below `offset`, as retention does; the newest stays (S8).
    package func trim(_ log: LogIdentity, below offset: Offset) {
        state.withLock { state in
            let kept = state.flushed[log]?.drop { $0.endOffset <= offset } ?? []
            if !kept.isEmpty { state.flushed[log] = Array(kept) }
        }
    }

    /// The log goes on from here, and nothing before it is held (S5).
    package func adopt(_ base: LogBase) {
        let watchers = state.withLock { state in
            state.flushed[base.log] = nil
            state.bases[base.log] = base
            return state.watchers
        }
        for watcher in watchers { watcher.executor.execute { watcher.onCommit([base.log]) } }
    }

    package func drop(below floors: [LogName: Incarnation]) {
        state.withLock { state in
            state.flushed = state.flushed.filter { log, _ in floors[log.name].map { log.incarnation >= $0 } ?? true }
            state.bases = state.bases.filter { log, _ in floors[log.name].map { log.incarnation >= $0 } ?? true }
            state.watching = state.watching.filter { log, _ in floors[log.name].map { log.incarnation >= $0 } ?? true }
        }
    }

    /// What a power cut loses.
    package func loseUnflushed() { state.withLock { $0.waiting = [] } }

    package func close() async {
        flush()
        state.withLock { state in
            state.failure = state.failure ?? EventLogError(.closed, "the log was closed")
            state.watching = [:]
            state.watchers = []
        }
    }

    package func observe(_ log: LogIdentity, on executor: any NodeExecutor, _ observer: any LogObserver) {
        state.withLock { $0.watching[log] = Watching(executor: executor, observer: observer) }
    }

    package func watch(
        on executor: any NodeExecutor, _ onCommit: @escaping @Sendable ([LogIdentity]) -> Void
    ) -> Bool {
        state.withLock { $0.watchers.append(Watcher(executor: executor, onCommit: onCommit)) }
        return true
    }

    package func producers(of line: LogName) -> ProducerTable { state.withLock { $0.producers[line] } }

    // MARK: What is flushed

    package func batches(of log: LogIdentity) -> [EncodedBatch] { state.withLock { $0.flushed[log] ?? [] } }

    package func flushedEnd(of log: LogIdentity) -> Offset { summary(of: log)?.flushedEnd ?? .zero }

    package func logs() -> [LogSummary] {
        let logs = state.withLock { Set($0.flushed.keys).union($0.bases.keys) }
        return logs.sorted().compactMap { summary(of: $0) }
    }

    package func summary(of log: LogIdentity) -> LogSummary? {
        let (batches, base) = state.withLock { ($0.flushed[log] ?? [], $0.bases[log]) }
        if let summary = Self.summary(batches) { return summary }
        return base.map {
            LogSummary(
                log: log, base: $0.offset, baseDigest: $0.digest, flushedEnd: $0.offset, endDigest: $0.digest,
                lastStamp: $0.lastStamp, epoch: $0.epoch)
        }
    }

    private static func summary(_ batches: [EncodedBatch]) -> LogSummary? {
        guard let first = batches.first, let last = batches.last else { return nil }
        return LogSummary(
            log: first.header.log, base: first.header.baseOffset, baseDigest: first.header.previousDigest,
            flushedEnd: last.endOffset, endDigest: last.chainDigest, lastStamp: last.header.lastStamp,
            epoch: last.header.epoch)
    }

    package func chainDigest(of log: LogIdentity, at offset: Offset) -> Digest128? {
        offset == .zero ? .zero : batches(of: log).first { $0.endOffset == offset }?.chainDigest
    }

    // MARK: Reading

    package func read(
        _ log: LogIdentity, from offset: Offset, maxBytes: Int
    ) throws(EventLogError) -> [EncodedBatch] {
        let fails = state.withLock { state in
            state.reads += 1
            defer { state.failingReads = max(0, state.failingReads - 1) }
            return state.failingReads > 0
        }
        if fails { throw EventLogError(.io, log: log, "bad sector") }
        let found = held(log, from: offset, maxBytes: maxBytes)
        guard !found.isEmpty else { throw EventLogError(.outOfRange, log: log, "offset \(offset.rawValue)") }
        return found
    }

    package func read(
        _ places: [(log: LogIdentity, offset: Offset)], total: Int
    ) throws(EventLogError) -> [LogIdentity: LogReading] {
        var readings: [LogIdentity: LogReading] = [:]
        var rest = total
        for (log, offset) in places where offset < flushedEnd(of: log) {
            guard readings.isEmpty || rest > 0 else { break }
            let batches = try read(log, from: offset, maxBytes: rest)
            rest -= batches.reduce(0) { $0 + $1.bytes.count }
            readings[log] = .batches(batches)
        }
        return readings
    }

    package func recent(_ log: LogIdentity, from offset: Offset, maxBytes: Int) -> [EncodedBatch]? {
        // What a log does not begin with is on no disk either: its reader has to look.
        guard keepsRecent, offset >= state.withLock({ $0.bases[log]?.offset ?? .zero }) else { return nil }
        return held(log, from: offset, maxBytes: maxBytes)
    }

    private func held(_ log: LogIdentity, from offset: Offset, maxBytes: Int) -> [EncodedBatch] {
        var found: [EncodedBatch] = []
        var size = 0
        for batch in batches(of: log) where batch.endOffset > offset {
            guard !found.isEmpty || batch.header.baseOffset <= offset else { break }
            guard found.isEmpty || size + batch.bytes.count <= maxBytes else { break }
            found.append(batch)
            size += batch.bytes.count
        }
        return found
    }
}
