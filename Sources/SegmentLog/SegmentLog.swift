// The embedded log: one physical journal a node, behind the contract of EventLog.
//
// Any thread submits; the commit executor takes what has gathered, writes it as one group, syncs once, and then tells the
// observers, one hop for each executor that has any. Isolation: `State` is guarded by a mutex that is never held across
// I/O; the writer belongs to the commit executor.

package import ClusterModel
import DequeModule
package import EventLog
package import NodeEnvironment
import Synchronization

/// Opened by `open(…)`. Poisoned by the first failed write or sync, for good (S7): a new start recovers.
package final class SegmentLog: EventLogEngine {
    struct State {
        var queue: Deque<EncodedBatch> = []
        var queuedBytes = 0
        /// Where the next submitted batch of a log must go on.
        var tails: [LogIdentity: Tail] = [:]
        var table: LogTable
        /// Lines whose logs below an incarnation are settled and gone (S1b).
        var dropped: [LogName: Incarnation] = [:]
        /// Of everything that was submitted.
        var producers: ProducerBook
        var recent = RecentBatches()
        var readPlaces = ReadPlaces()
        var watchers: [Watcher] = []
        var observers: [LogIdentity: Observation] = [:]
        var isCommitting = false
        var failure: EventLogError?
        /// Why no group can be written now; it heals by itself. Nil while groups are.
        var standstill: FileError?
    }

    struct Tail {
        var end: Offset
        var digest: Digest128
    }

    struct Observation {
        var executor: any NodeExecutor
        var observer: any LogObserver
    }

    struct Watcher {
        var executor: any NodeExecutor
        var onCommit: @Sendable ([LogIdentity]) -> Void
    }

    package let recovered: RecoveryReport
    let directory: JournalDirectory
    let journal: UInt64
    let limits: JournalLimits
    let state: Mutex<State>
    let commitExecutor: any DedicatedExecutor
    let committer: Mutex<Committer>
    let trimming: Mutex<Trimming>
    /// Spares for the writer.
    let pool: SegmentPool
    let poolExecutor: any DedicatedExecutor
    let place: JournalPlaceCheck
    let environment: NodeEnvironment
    private let lock: any FileLock

    init(
        recovered: RecoveryReport, directory: JournalDirectory, journal: UInt64, limits: JournalLimits,
        table: LogTable, trimmed: TrimmedPrefix, producers: ProducerBook, committer: Committer,
        pool: SegmentPool, place: JournalPlaceCheck, environment: NodeEnvironment, lock: any FileLock
    ) {
        self.place = place
        self.recovered = recovered
        self.directory = directory
        self.journal = journal
        self.limits = limits
        self.environment = environment
        self.lock = lock
        var tails: [LogIdentity: Tail] = [:]
        for log in table.logs { tails[log] = table[log].map { Tail(end: $0.end, digest: $0.digest) } }
        state = Mutex(State(tails: tails, table: table, dropped: trimmed.dropped, producers: producers))
        self.committer = Mutex(committer)
        trimming = Mutex(Trimming(prefix: trimmed))
        self.pool = pool
        poolExecutor = environment.executors.makeDedicatedExecutor(label: "meridian-spares")
        commitExecutor = environment.executors.makeDedicatedExecutor(label: "meridian-commit")
    }

    package func submit(_ batch: EncodedBatch) throws(EventLogError) {
        let mustStart = try state.withLock { state throws(EventLogError) in
            try admit(batch, &state)
            defer { state.isCommitting = true }
            return !state.isCommitting
        }
        if mustStart { commitExecutor.execute { self.commit() } }
    }

    private func admit(_ batch: EncodedBatch, _ state: inout State) throws(EventLogError) {
        let log = batch.header.log
        if let failure = state.failure { throw failure }
        if let cause = state.standstill {
            throw EventLogError(
                .noSpace, log: log, "the journal in \(directory.path) has no room; free space and try again",
                cause: cause)
        }
        guard state.queuedBytes + batch.length <= limits.backlogBytes else {
            throw EventLogError(.backlogFull, log: log, "\(state.queuedBytes) bytes wait for the disk; try again")
        }
        if let floor = state.dropped[log.name], log.incarnation < floor {
            throw EventLogError(.doesNotExtend, log: log, "the log is settled and was dropped")
        }
        let tail = state.tails[log] ?? Tail(end: .zero, digest: .zero)
        guard batch.extends(log, end: tail.end, digest: tail.digest) else {
            throw EventLogError(
                .doesNotExtend, log: log, "base \(batch.header.baseOffset.rawValue) after end \(tail.end.rawValue)")
        }
        state.tails[log] = Tail(end: batch.endOffset, digest: batch.chainDigest)
        state.producers.note(batch.header)
        state.queue.append(batch)
        state.queuedBytes += batch.length
    }

    package func observe(_ log: LogIdentity, on executor: any NodeExecutor, _ observer: any LogObserver) {
        state.withLock { $0.observers[log] = Observation(executor: executor, observer: observer) }
    }

    package func watch(
        on executor: any NodeExecutor, _ onCommit: @escaping @Sendable ([LogIdentity]) -> Void
    ) -> Bool {
        state.withLock { state in
            guard state.watchers.count < JournalLimits.watchers else { return false }
            state.watchers.append(Watcher(executor: executor, onCommit: onCommit))
            return true
        }
    }

    package func recent(_ log: LogIdentity, from offset: Offset, maxBytes: Int) -> [EncodedBatch]? {
        state.withLock { $0.recent.batches(of: log, from: offset, maxBytes: maxBytes) }
    }

    package func flushedEnd(of log: LogIdentity) -> Offset { state.withLock { $0.table[log]?.end ?? .zero } }

    package func producers(of line: LogName) -> ProducerTable { state.withLock { $0.producers[line] } }

    package var failure: EventLogError? { state.withLock { $0.failure } }

    package var isFull: Bool { state.withLock { $0.standstill != nil } }

    /// What keeps groups from being written while `isFull`: `.noSpace`, with the operation "bound" where the journal has all the
    /// bytes that it may, or `.tooManyOpenFiles`. Takes a lock for a moment.
    package var standstill: FileError? { state.withLock { $0.standstill } }

    package func logs() -> [LogSummary] { state.withLock { $0.table.summaries } }

    package func summary(of log: LogIdentity) -> LogSummary? { state.withLock { $0.table.summary(of: log) } }

    package func chainDigest(of log: LogIdentity, at offset: Offset) -> Digest128? {
        state.withLock { $0.table.chainDigest(of: log, at: offset) }
    }

    package func close() async { _ = await close(by: nil) }

    /// The same, but waits for the disk until `deadline` only. False: it has not answered; what was begun goes on by itself,
    /// and the directory stays locked until it is done.
    package func close(by deadline: BootInstant?) async -> Bool {
        await withCheckedContinuation { continuation in
            let waiter = CloseWaiter(continuation)
            let timer = deadline.map { deadline in
                environment.executors.loops[0].schedule(at: deadline) { waiter.end(isClosed: false) }
            }
            commitExecutor.execute { [self] in
                commit()
                finish()
                poolExecutor.execute { [self] in
                    pool.close()
                    release()
                    timer?.cancel()
                    waiter.end(isClosed: true)
                }
            }
        }
    }

    private func release() {
        letGo()
        commitExecutor.shutDown()
        poolExecutor.shutDown()
        lock.release()
    }

    /// Lets go of the directory without a clean mark. For a log to which nothing was submitted: blocks.
    package func abandon() {
        state.withLock { $0.failure = $0.failure ?? EventLogError(.closed, "the log was abandoned") }
        committer.withLock { $0.close() }
        pool.close()
        release()
    }

    /// Observers and watchers hold what holds this log.
    private func letGo() {
        state.withLock { state in
            state.observers = [:]
            state.watchers = []
            state.recent = RecentBatches()
        }
    }

    /// The last act on the commit executor: an index, a clean mark, and no appends from here on.
    private func finish() {
        let (isHealthy, table, producers) = state.withLock { state in
            defer { state.failure = state.failure ?? EventLogError(.closed, "the log was closed") }
            return (state.failure == nil && state.queue.isEmpty, state.table, state.producers)
        }
        committer.withLock { committer in
            if isHealthy {
                // Costs room on the disk until the next start, nothing else.
                try? committer.writer.shorten()
                // An index or a mark that cannot be written costs the next start a longer check, nothing else.
                try? writeIndex(table, producers, before: committer)
                try? committer.writeMark(clean: true)  // as above
            }
            committer.close()
        }
    }

    /// Names the mark that comes next. A journal with damage has none: each start looks at it anew.
    private func writeIndex(
        _ table: LogTable, _ producers: ProducerBook, before committer: Committer
    ) throws(FileError) {
        guard recovered.corruptRanges.isEmpty else { return }
        let tail = committer.writer.tail
        let first = trimming.withLock(\.prefix.firstGeneration)
        let segments = try directory.generations().filter { $0 >= first && $0 <= tail.generation }
        try directory.writeIndex(
            JournalIndex(
                journal: journal, sequence: committer.mark.sequence + 1, tail: tail, segments: segments, table: table,
                producers: producers))
    }
}

/// Whoever waits for the end of a log: told once, by the log or by the time.
private final class CloseWaiter: Sendable {
    private let continuation: Mutex<CheckedContinuation<Bool, Never>?>

    init(_ continuation: CheckedContinuation<Bool, Never>) { self.continuation = Mutex(continuation) }

    func end(isClosed: Bool) { continuation.withLock { $0.take() }?.resume(returning: isClosed) }
}
