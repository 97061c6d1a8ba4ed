// The offline check of a stopped node's journal: `meridian log verify`. Reads only.

package import EventLog
package import NodeEnvironment

/// What a journal holds, and what of it does not verify.
package struct JournalInspection: Hashable, Sendable {
    package var batches: Int
    package var records: UInt64
    package var corruptRanges: [CorruptRange]
    package var cutBytes: UInt64
    package var logs: [LogSummary]

    /// Verifies every byte of the journal in `directory`; `visit` sees every batch that stands. Blocks on the disk.
    /// Throws EventLogError, `.fenced` while a node runs on the directory.
    package init(
        directory path: String, files: any FileStore, visit: (EncodedBatch) throws -> Void = { _ in }
    ) throws {
        let directory = JournalDirectory(path: path, files: files)
        guard files.exists("\(path)/marks") else {
            throw EventLogError(.io, "\(path) holds no journal: the file marks is missing")
        }
        let lock = try files.lockExclusively("\(path)/lock")
        defer { lock.release() }
        let marks = try directory.openMarks()
        defer { marks.close() }
        let mark = Mark.newest(in: try marks.read(at: 0, count: 2 * Mark.slotLength))
        guard let journal = try mark?.journal ?? directory.readIdentity()?.journal else {
            throw EventLogError(.corrupt, "\(path): neither mark nor identity can be read")
        }
        var scan = JournalScan(
            directory: directory, journal: journal, mark: mark?.group ?? 0,
            trimmed: try directory.readTrimmed(of: journal), check: .digests)
        try scan.run(visit: visit)
        batches = scan.batches
        records = scan.records
        corruptRanges = scan.corruptRanges
        cutBytes = scan.cutBytes
        logs = scan.table.summaries
    }
}
