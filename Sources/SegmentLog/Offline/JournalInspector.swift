// The offline check of a stopped node's journal: `meridian log verify`. Reads only.

package import ClusterModel
package import EventLog
package import NodeEnvironment

/// What a journal holds, and what of it does not verify.
package struct JournalInspection: Hashable, Sendable {
    package var batches: Int
    package var records: UInt64
    package var corruptRanges: [CorruptRange]
    package var cutBytes: UInt64
    package var logs: [LogSummary]
    /// Incarnations below which a line is settled everywhere and forgotten here (S1b).
    package var dropped: [LogName: Incarnation]
    /// Whose the journal is; nil where nothing says it.
    package var identity: DirectoryIdentity?

    /// Verifies every byte of the journal in `directory`; `visit` sees every batch that stands. Blocks on the disk.
    /// Throws EventLogError and DirectoryRefusal; FileError `.locked` while a node runs on the directory.
    package init(
        directory path: String, files: any FileStore, visit: (EncodedBatch) throws -> Void = { _ in }
    ) throws {
        let stopped = try StoppedJournal(path, files: files)
        defer { stopped.release() }
        let scan = try stopped.scan(visit: visit)
        batches = scan.batches
        records = scan.records
        corruptRanges = scan.corruptRanges
        cutBytes = scan.cutBytes
        logs = scan.table.summaries
        identity = stopped.identity
        dropped = stopped.trimmed.dropped
    }
}
