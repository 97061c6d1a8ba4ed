// A stopped node's journal, held so that no node starts on it meanwhile.

import EventLog
import NodeEnvironment

/// What every offline command begins with. Reads only; the one file it may create is the lock.
struct StoppedJournal: Sendable {
    let directory: JournalDirectory
    let journal: UInt64
    /// The newest valid mark; nil where both slots are damaged.
    let mark: Mark?
    /// Both slots as they stand.
    let slots: [Mark?]
    let trimmed: TrimmedPrefix
    private let lock: any FileLock

    /// Blocks on the disk. Throws EventLogError; FileError `.locked` while a node runs on the directory.
    init(_ path: String, files: any FileStore) throws {
        directory = JournalDirectory(path: path, files: files)
        guard files.exists("\(path)/marks") else {
            throw EventLogError(.io, "\(path) holds no journal: the file marks is missing")
        }
        lock = try files.lockExclusively("\(path)/lock")
        do {
            let marks = try directory.openMarks()
            defer { marks.close() }
            slots = Mark.slots(in: try marks.read(at: 0, count: 2 * Mark.slotLength))
            mark = slots.compactMap(\.self).max { $0.sequence < $1.sequence }
            guard let journal = try mark?.journal ?? directory.readIdentity()?.journal else {
                throw EventLogError(.corrupt, "\(path): neither mark nor identity can be read")
            }
            self.journal = journal
            trimmed = try directory.readTrimmed(of: journal)
        } catch {
            lock.release()
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
    func release() { lock.release() }
}
