// Opening: lock, identity, scan, and the re-writing of what stands beyond the mark (S7).

package import EventLog
package import NodeEnvironment

extension SegmentLog {
    /// Opens or creates the journal in `directory`. Blocks on the disk for the whole scan: not for an event loop.
    ///
    /// `visit` sees every batch that stands, once, in journal order, so that a node can rebuild its state in the same
    /// pass. Throws EventLogError: `.fenced` while another process holds the directory, `.io` with the file's error.
    package static func open(
        directory path: String, environment: NodeEnvironment, limits: JournalLimits = JournalLimits(),
        visit: (EncodedBatch) throws -> Void = { _ in }
    ) throws -> SegmentLog {
        let directory = JournalDirectory(path: path, files: environment.files)
        do {
            try directory.files.createDirectory(path)
            let lock = try directory.files.lockExclusively("\(path)/lock")
            return try recover(directory, lock, environment, limits, visit)
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
        _ visit: (EncodedBatch) throws -> Void
    ) throws -> SegmentLog {
        let marks = try directory.openMarks()
        let mark = Mark.newest(in: try marks.read(at: 0, count: 2 * Mark.slotLength))
        let (journal, isCopy) = try settleIdentity(directory, mark, environment)
        let current = mark ?? Mark(journal: journal, sequence: 0, group: 0, isClean: false)
        let trimmed = try directory.readTrimmed(of: journal)
        var scan = JournalScan(directory: directory, journal: journal, mark: current.group, trimmed: trimmed)
        try scan.run(visit: visit)
        let wasClean = current.isClean && current.group == scan.lastGroup
        let lastGeneration = try directory.lastUsedGeneration(atLeast: scan.lastGeneration)
        var committer = Committer(
            writer: JournalWriter(
                directory: directory, journal: journal, segmentBytes: limits.segmentBytes,
                lastGeneration: lastGeneration,
                lastSegmentEnd: lastGeneration == scan.lastGeneration ? scan.lastEnd : 0,
                // Above the mark even when corruption took the groups before it: a number is never used twice.
                lastGroup: max(scan.lastGroup, scan.mark), flushedGroup: wasClean ? scan.lastGroup : scan.mark),
            marks: marks, mark: current)
        // After an unclean stop the page cache may hold what the disk does not: written again, then believed.
        let doubtful = wasClean ? [] : scan.beyondMark
        try rewrite(doubtful, &committer)
        committer.writer.vouch()
        try committer.writeMark(clean: false)
        let report = RecoveryReport(
            logs: scan.table.summaries, batches: scan.batches, corruptRanges: scan.corruptRanges,
            cutBytes: scan.cutBytes,
            rewrittenBatches: doubtful.count, wasCleanStop: wasClean, isFirstStart: scan.table.logs.isEmpty,
            isCopy: isCopy)
        return SegmentLog(
            recovered: report, directory: directory, journal: journal, limits: limits, table: scan.table,
            trimmed: trimmed, committer: committer, environment: environment, lock: lock)
    }

    private static func rewrite(_ batches: [EncodedBatch], _ committer: inout Committer) throws(FileError) {
        var rest = batches[...]
        while !rest.isEmpty {
            var bytes = 0
            let group = Array(
                rest.prefix(JournalLimits.groupBatches).prefix { batch in
                    defer { bytes += batch.length }
                    return bytes < JournalLimits.groupBytes
                })
            try committer.writer.prepare(for: group)
            _ = try committer.writer.append(group)
            rest = rest.dropFirst(group.count)
        }
    }

    /// The journal's id, and whether this directory is a copy of the one that the id was last written for (S1).
    private static func settleIdentity(
        _ directory: JournalDirectory, _ mark: Mark?, _ environment: NodeEnvironment
    ) throws -> (journal: UInt64, isCopy: Bool) {
        let storage = try directory.storageIdentity()
        let known = try directory.readIdentity()
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
            let head = try file.read(at: 0, count: GroupFrame.headerLength)
            guard let prefix = GroupFrame.prefix(head[...]) else { continue }
            let bytes = try file.read(at: 0, count: GroupFrame.headerLength + prefix.tableLength)
            if let frame = GroupFrame(decoding: bytes[...], prefix: prefix) { return frame.journal }
        }
        return nil
    }
}
