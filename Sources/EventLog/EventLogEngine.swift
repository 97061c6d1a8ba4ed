// The contract of a log engine (SegmentLog now, JetStreamLog later). Everything above this file is engine-neutral.

package import ClusterModel
package import NodeEnvironment

/// The logs of one node: the region's own origin logs and, later, mirrors of other regions' logs.
///
/// Thread-safe. No call here waits for a disk unless it says so. `flushed` is the only horizon for bytes that leave the
/// process (S6): `read` never returns a batch beyond it.
package protocol EventLogEngine: Sendable {
    /// What recovery found before this start, for every log on this node.
    var recovered: RecoveryReport { get }

    /// Bytes appended and not yet flushed are bounded (`JournalLimits`): beyond it `submit` refuses with `.backlogFull`.
    ///
    /// Hands a sealed batch to the group commit. Batches of one log must arrive in offset order, each extending the
    /// chain. Returns at once; the outcome reaches the observer of the log.
    func submit(_ batch: EncodedBatch) throws(EventLogError)

    /// Registers who hears of flushes and of the end of a log. One observer a log, called on `executor`; the calls of
    /// one group commit that go to one executor are made in one hop.
    func observe(_ log: LogIdentity, on executor: any NodeExecutor, _ observer: any LogObserver)

    /// The end of what is flushed: offsets below it survive a power cut. Zero for a log that is not here.
    func flushedEnd(of log: LogIdentity) -> Offset

    /// The producers of a line as of everything that was submitted: batches that a repetition is told of, flushed or on their
    /// way. After a start, as of what stood. Takes a lock for a moment. `append(_:of:with:)` stands on it.
    func producers(of line: LogName) -> ProducerTable

    /// Why nothing can be appended any more; nil while the log is healthy. Takes a lock for a moment.
    var failure: EventLogError? { get }

    /// Whether appends are refused with `.noSpace` until the disk has room. Takes a lock for a moment.
    var isFull: Bool { get }

    /// Every log that has bytes here.
    func logs() -> [LogSummary]

    /// One log as it stands; nil for a log that is not here.
    func summary(of log: LogIdentity) -> LogSummary?

    /// The chain digest before `offset`, where that is the end of one of the newest flushed batches or the start; nil where
    /// it is not, or not known without the disk. Never blocks.
    func chainDigest(of log: LogIdentity, at offset: Offset) -> Digest128?

    /// Whole batches from the one that contains `offset`, up to `maxBytes` (at least one batch), only flushed ones.
    /// Blocks on the disk: never call it on a loop.
    func read(_ log: LogIdentity, from offset: Offset, maxBytes: Int) throws(EventLogError) -> [EncodedBatch]

    /// The same for many logs at once, each once, in the order in which their batches were flushed and about `total` bytes
    /// of all; whoever needs the oldest goes first. The first of `places` gets a batch in any case, or is unreadable, so
    /// that none waits for ever behind others. A log that the reading did not come to, or that is not held beyond its
    /// offset, is left out: the caller asks again. Blocks on the disk.
    func read(
        _ places: [(log: LogIdentity, offset: Offset)], total: Int
    ) throws(EventLogError) -> [LogIdentity: LogReading]

    /// Calls `onCommit` on `executor` after every group commit with the logs that it moved, and keeps the newest batches
    /// for `recent` from now on: how readers at the tail of many logs wake up. False when too many listen already.
    func watch(on executor: any NodeExecutor, _ onCommit: @escaping @Sendable ([LogIdentity]) -> Void) -> Bool

    /// What `read` would return, from memory; nil where the reader has to go to the disk. Never blocks.
    func recent(_ log: LogIdentity, from offset: Offset, maxBytes: Int) -> [EncodedBatch]?

    /// Forgets every log of these lines below an incarnation, durably: it is neither read nor served any more (S1b). Blocks on
    /// the disk. Throws EventLogError; then nothing is forgotten.
    func drop(below floors: [LogName: Incarnation]) throws(EventLogError)

    /// Waits until everything submitted so far is flushed, then closes. Later submits are refused.
    func close() async
}

/// What a reading of many logs came to for one of them.
package enum LogReading: Hashable, Sendable {
    /// Whole batches, at least one, from the one that contains the offset that was asked for.
    case batches([EncodedBatch])
    /// The batch that holds the offset is trimmed (S8), or does not verify any more (S7). What comes after it begins at `next`, the flushed end
    /// where nothing does.
    case unreadable(next: Offset)
}

/// Hears of one log's progress, on the executor it was registered with.
package protocol LogObserver: AnyObject, Sendable {
    /// Every offset below `end` is flushed. `end` never goes down while the log is healthy.
    func logFlushed(_ log: LogIdentity, to end: Offset)

    /// The log takes no more appends; nothing beyond the last flushed end will be acknowledged (S7).
    func logFenced(_ log: LogIdentity, because error: EventLogError)
}

/// One log as the engine holds it.
package struct LogSummary: Hashable, Sendable {
    package var log: LogIdentity
    /// The first offset that is still here, and the chain digest before it (S8).
    package var base: Offset
    package var baseDigest: Digest128
    package var flushedEnd: Offset
    /// The chain digest at `flushedEnd`.
    package var endDigest: Digest128
    /// The stamp of the last flushed record.
    package var lastStamp: HybridStamp
    package var epoch: Epoch

    package init(
        log: LogIdentity, base: Offset, baseDigest: Digest128, flushedEnd: Offset, endDigest: Digest128,
        lastStamp: HybridStamp, epoch: Epoch
    ) {
        self.log = log
        self.base = base
        self.baseDigest = baseDigest
        self.flushedEnd = flushedEnd
        self.endDigest = endDigest
        self.lastStamp = lastStamp
        self.epoch = epoch
    }
}

/// What opening the log found.
package struct RecoveryReport: Hashable, Sendable {
    /// All logs, verified to their ends.
    package var logs: [LogSummary]
    /// Batches that stand, over all logs.
    package var batches: Int
    /// Bad bytes before the trailing mark: corruption, kept in quarantine, never cut (S7).
    package var corruptRanges: [CorruptRange]
    /// Bad bytes beyond the mark, cut and reported (S7).
    package var cutBytes: UInt64
    /// Batches kept beyond the mark, written again and synced before they counted as flushed (S7).
    package var rewrittenBatches: Int
    package var wasCleanStop: Bool
    /// No opening of an earlier start was found: S1 makes such a start wait 2D.
    package var isFirstStart: Bool
    /// The directory is a copy of another (S1): such a start waits 2D too.
    package var isCopy: Bool

    package init(
        logs: [LogSummary] = [], batches: Int = 0, corruptRanges: [CorruptRange] = [], cutBytes: UInt64 = 0,
        rewrittenBatches: Int = 0,
        wasCleanStop: Bool = false, isFirstStart: Bool = true, isCopy: Bool = false
    ) {
        self.logs = logs
        self.batches = batches
        self.corruptRanges = corruptRanges
        self.cutBytes = cutBytes
        self.rewrittenBatches = rewrittenBatches
        self.wasCleanStop = wasCleanStop
        self.isFirstStart = isFirstStart
        self.isCopy = isCopy
    }
}

/// Bytes of a file that do not verify.
package struct CorruptRange: Hashable, Sendable {
    package var path: String
    package var bytes: Range<UInt64>
    package var reason: String
    /// Its bytes stand, but not on what comes before them in their log: damage elsewhere took that.
    package var followsGap: Bool

    package init(path: String, bytes: Range<UInt64>, reason: String, followsGap: Bool = false) {
        self.path = path
        self.bytes = bytes
        self.reason = reason
        self.followsGap = followsGap
    }
}
