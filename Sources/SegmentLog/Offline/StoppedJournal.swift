// A stopped node's journal, held so that no node starts on it meanwhile.

import EventLog
import NodeEnvironment

/// What every offline command begins with. Reads only, and works on a read-only disk: without a file "lock" no node has ever
/// run on the directory, and none of these files was written by one that still does.
struct StoppedJournal: Sendable {
    let directory: JournalDirectory
    let journal: UInt64
    /// The newest valid mark; nil where both slots are damaged.
    let mark: Mark?
    /// Both slots as they stand.
    let slots: [Mark?]
    let trimmed: TrimmedPrefix
    /// Whose it is; nil where nothing says it.
    let identity: DirectoryIdentity?
    private let lock: (any FileLock)?

    /// `changes`: nobody else reads the journal meanwhile. Blocks on the disk. Throws EventLogError; DirectoryRefusal where the
    /// directory is of a newer version; FileError `.locked` while a node runs on it.
    init(_ path: String, files: any FileStore, changes: Bool = false) throws {
        directory = JournalDirectory(path: path, files: files)
        guard files.exists("\(path)/marks") else {
            // What this process may not see is not missing.
            if let denied = DirectorySurvey(path, files: files).denial() {
                throw DirectoryRefusal(denied, in: path, files: files)
            }
            throw EventLogError(.io, "\(path) holds no journal: the file marks is missing")
        }
        // Of a format that this version does not know nothing may be read as if it did.
        identity = try DirectorySurvey(path, files: files).identity()
        lock = try changes ? files.lockExclusively("\(path)/lock") : files.lockShared("\(path)/lock")
        do {
            let marks = try files.open(directory.marksPath, .read)
            defer { marks.close() }
            slots = Mark.slots(in: try marks.read(at: 0, count: 2 * Mark.slotLength))
            mark = slots.compactMap(\.self).max { $0.sequence < $1.sequence }
            guard let journal = try mark?.journal ?? directory.readIdentity(isStarting: false)?.journal else {
                throw EventLogError(.corrupt, "\(path): neither mark nor identity can be read")
            }
            self.journal = journal
            trimmed = try directory.readTrimmed(of: journal, isStarting: false)
        } catch {
            lock?.release()
            throw error
        }
    }

    /// Verifies every byte and computes every chain digest.
    func scan(visit: (EncodedBatch) throws -> Void) throws -> JournalScan {
        var scan = JournalScan(
            directory: directory, journal: journal, mark: mark?.group ?? 0, trimmed: trimmed, check: .digests,
            keepsDropped: true)
        try scan.run(visit: visit)
        return scan
    }

    /// Nodes may start on the directory again.
    func release() { lock?.release() }
}
