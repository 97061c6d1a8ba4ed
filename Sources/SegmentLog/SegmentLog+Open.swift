// Opening: lock, identity, scan, and the re-writing of what stands beyond the mark (S7).

import ClusterModel
import DequeModule
package import EventLog
package import NodeEnvironment

extension SegmentLog {
    /// Opens or creates the journal in `directory`. After a clean stop it reads the index and the mark only, otherwise all
    /// of the journal (S7). Blocks on the disk: not for an event loop. Throws EventLogError: `.fenced` while another process
    /// holds the directory, `.io` with the file's error.
    package static func open(
        directory: String, environment: NodeEnvironment, limits: JournalLimits = JournalLimits()
    ) throws -> SegmentLog {
        try open(directory, environment, limits, nil, nil) { _ in }
    }

    /// The same for a node that rebuilds its state in the same pass: `visit` sees every batch that stands and holds something
    /// from `start` of its log on, once, in journal order. After a clean stop nothing else is read. `claim`: of this directory;
    /// it is kept until the log is closed, by whoever took it.
    package static func open(
        directory: String, environment: NodeEnvironment, limits: JournalLimits = JournalLimits(),
        claim: DirectoryClaim? = nil, from start: ReplayStart = .beginning, visit: (EncodedBatch) throws -> Void
    ) throws -> SegmentLog {
        try open(directory, environment, limits, claim, start, visit)
    }

    /// Without `start` nothing is visited.
    private static func open(
        _ path: String, _ environment: NodeEnvironment, _ limits: JournalLimits, _ claim: DirectoryClaim?,
        _ start: ReplayStart?, _ visit: (EncodedBatch) throws -> Void
    ) throws -> SegmentLog {
        let directory = JournalDirectory(path: path, files: environment.files)
        do {
            try directory.files.createDirectory(path)
            let lock: any FileLock =
                if claim != nil { BorrowedLock() } else { try directory.files.lockExclusively(directory.lockPath) }
            do {
                return try recover(directory, lock, environment, limits, start, visit)
            } catch {
                // The next start, in this process or another, finds it free.
                lock.release()
                throw error
            }
        } catch let error as FileError where error.code == .locked {
            throw EventLogError(
                .fenced, "\(path) is in use by another process; stop it, or give this node its own directory",
                cause: error)
        } catch let error as FileError {
            throw EventLogError(.io, "the journal in \(path) cannot be opened", cause: error)
        }
    }

    private static func recover(
        _ directory: JournalDirectory, _ lock: any FileLock, _ environment: NodeEnvironment, _ limits: JournalLimits,
        _ start: ReplayStart?, _ visit: (EncodedBatch) throws -> Void
    ) throws -> SegmentLog {
        let marks = try directory.openMarks()
        // The file "lock" can be removed by people; the marks cannot without anybody noticing.
        let guarding = try directory.files.lockExclusively(directory.marksPath)
        do {
            return try recover(
                directory, marks, HeldLocks(locks: [guarding, lock]), environment, limits, start, visit)
        } catch {
            guarding.release()
            throw error
        }
    }

    private static func recover(
        _ directory: JournalDirectory, _ marks: any StoredFile, _ lock: any FileLock, _ environment: NodeEnvironment,
        _ limits: JournalLimits, _ start: ReplayStart?, _ visit: (EncodedBatch) throws -> Void
    ) throws -> SegmentLog {
        let mark = Mark.newest(in: try marks.read(at: 0, count: 2 * Mark.slotLength))
        let (journal, isCopy) = try settleIdentity(directory, mark, environment)
        try SegmentRepairer(directory: directory, journal: journal).removeLeftovers()
        let current = mark ?? Mark(journal: journal, sequence: 0, group: 0, isClean: false)
        let trimmed = try directory.readTrimmed(of: journal, isStarting: true)
        // Who wants every batch gets a scan in any case: it reads no more, and looks at more.
        let isIndexed = start.map { !$0.isBeginning } ?? true
        var opened =
            if isIndexed, let index = try directory.readIndex(of: current) {
                try restore(index, trimmed, directory, start, visit)
            } else {
                try scan(directory, journal, current, trimmed, start, visit)
            }
        opened.report.isCopy = isCopy
        let pool = try SegmentPool(directory, length: limits.segmentBytes)
        let place = try JournalPlaceCheck(directory)
        var committer = Committer(
            writer: JournalWriter(
                directory: directory, journal: journal, segmentBytes: limits.segmentBytes, maxBytes: limits.maxBytes,
                segmentAge: limits.segmentAge, pool: pool, place: place,
                lastGeneration: opened.tail.generation, lastSegmentEnd: opened.tail.end,
                lastGroup: opened.tail.group, flushedGroup: opened.flushedGroup),
            marks: marks, mark: current)
        // After an unclean stop the page cache may hold what the disk does not: written again, then believed.
        try rewrite(opened.doubtful, &committer, at: environment.clock.bootTime())
        committer.writer.vouch()
        try committer.writeMark(clean: false)
        try shorten(opened, directory)
        return SegmentLog(
            recovered: opened.report, directory: directory, journal: journal, limits: limits, table: opened.table,
            trimmed: trimmed, producers: opened.producers, committer: committer, pool: pool, place: place,
            environment: environment, lock: lock)
    }

    /// What is known of a journal before anything is appended.
    private struct Opened {
        var table: LogTable
        var producers: ProducerBook
        var tail: JournalTail
        var flushedGroup: UInt64
        /// Where nothing is appended any more, by segment: the rest of it is given back.
        var ends: [UInt64: UInt64]
        /// Batches that stand beyond the mark after an unclean stop.
        var doubtful: [EncodedBatch] = []
        var report: RecoveryReport
    }

    /// From the clean stop's index; reads of the segments what is to be visited.
    private static func restore(
        _ index: JournalIndex, _ trimmed: TrimmedPrefix, _ directory: JournalDirectory, _ start: ReplayStart?,
        _ visit: (EncodedBatch) throws -> Void
    ) throws -> Opened {
        var table = index.table
        table.trim(to: trimmed)
        _ = table.drop(below: trimmed)
        var corruptRanges: [CorruptRange] = []
        if let start {
            var replay = JournalReplay(table, from: start, directory: directory, journal: index.journal)
            try replay.run(visit: visit)
            corruptRanges = replay.corruptRanges
        }
        let report = RecoveryReport(
            logs: table.summaries, batches: table.batches, corruptRanges: corruptRanges,
            wasCleanStop: true, isFirstStart: table.logs.isEmpty)
        return Opened(
            table: table, producers: index.producers, tail: index.tail, flushedGroup: index.tail.group,
            ends: [index.tail.generation: index.tail.end], report: report)
    }

    /// From the whole journal.
    private static func scan(
        _ directory: JournalDirectory, _ journal: UInt64, _ mark: Mark, _ trimmed: TrimmedPrefix,
        _ start: ReplayStart?,
        _ visit: (EncodedBatch) throws -> Void
    ) throws -> Opened {
        var scan = JournalScan(directory: directory, journal: journal, mark: mark.group, trimmed: trimmed)
        try scan.run { batch in
            if let start, batch.endOffset > start.offset(in: batch.header.log) { try visit(batch) }
        }
        let wasClean = mark.isClean && mark.group == scan.lastGroup
        let lastGeneration = try directory.lastUsedGeneration(atLeast: scan.lastGeneration)
        let tail = JournalTail(
            generation: lastGeneration, end: lastGeneration == scan.lastGeneration ? scan.lastEnd : 0,
            // Above the mark even when corruption took the groups before it: a number is never used twice.
            group: max(scan.lastGroup, scan.mark))
        var ends = [scan.lastGeneration: scan.lastEnd]
        // What was begun and came to nothing keeps its first sector, and with it its number.
        if lastGeneration > scan.lastGeneration { ends[lastGeneration] = UInt64(GroupFrame.alignment) }
        let doubtful = wasClean ? [] : scan.beyondMark
        let report = RecoveryReport(
            logs: scan.table.summaries, batches: scan.batches, corruptRanges: scan.corruptRanges,
            cutBytes: scan.cutBytes, rewrittenBatches: doubtful.count, wasCleanStop: wasClean,
            isFirstStart: scan.table.logs.isEmpty)
        return Opened(
            table: scan.table, producers: scan.producers, tail: tail,
            flushedGroup: wasClean ? scan.lastGroup : scan.mark, ends: ends, doubtful: doubtful,
            report: report)
    }

    /// The rest of segments that nothing is appended to any more is given back: a start leaves what was written, not the
    /// length of a segment. Not beside damage, which may be more than it seems.
    private static func shorten(_ opened: Opened, _ directory: JournalDirectory) throws(FileError) {
        guard opened.report.corruptRanges.isEmpty else { return }
        for (generation, end) in opened.ends where end > 0 { try directory.shortenSegment(generation, to: end) }
    }

    private static func rewrite(
        _ batches: [EncodedBatch], _ committer: inout Committer, at now: BootInstant
    ) throws(FileError) {
        var rest = Deque(batches)
        while !rest.isEmpty {
            let group = rest.popGroup()
            try committer.writer.prepare(for: group, at: now)
            _ = try committer.writer.append(group)
        }
    }

    /// The journal's id, and whether this directory is a copy of the one that the id was last written for (S1).
    private static func settleIdentity(
        _ directory: JournalDirectory, _ mark: Mark?, _ environment: NodeEnvironment
    ) throws -> (journal: UInt64, isCopy: Bool) {
        let storage = try directory.storageIdentity()
        let known = try directory.readIdentity(isStarting: true)
        let found = try mark?.journal ?? firstJournal(directory)
        let journal = try known?.journal ?? found ?? unnamedJournal(directory, environment)
        let isCopy = known.map { $0.storage != storage } ?? (found != nil)
        if known?.storage != storage {
            try directory.writeIdentity(JournalIdentity(journal: journal, storage: storage))
        }
        return (journal, isCopy)
    }

    /// A new journal's id. Throws `.corrupt` where segments hold bytes of which nothing says whose they are: missing
    /// metadata never means that the data may go.
    private static func unnamedJournal(
        _ directory: JournalDirectory, _ environment: NodeEnvironment
    ) throws -> UInt64 {
        guard try directory.lastUsedGeneration(atLeast: 0) == 0 else {
            throw EventLogError(
                .corrupt,
                "\(directory.path): neither identity nor marks nor any group frame can be read, but segments hold data; "
                    + "restore identity and marks from a backup")
        }
        return environment.entropy.next()
    }

    /// The journal id in the first frame that can be read, for a directory that lost its identity.
    private static func firstJournal(_ directory: JournalDirectory) throws(FileError) -> UInt64? {
        for generation in try directory.generations() {
            let file = try directory.files.open(directory.segmentPath(generation), .read)
            defer { file.close() }
            if let first = try GroupFrame.first(of: file) { return first.journal }
        }
        return nil
    }
}

/// Several that are let go of together.
private struct HeldLocks: FileLock {
    let locks: [any FileLock]

    func release() { for lock in locks { lock.release() } }
}

/// Stands for a lock that somebody else holds for as long as the log is open.
private struct BorrowedLock: FileLock {
    func release() {}
}
