// Whether a running journal's files are still where they were. A directory that is deleted or replaced under a process takes
// writes and syncs as before: the files are open. What they hold is found by nobody after the next start.

import NodeEnvironment
import Synchronization

/// Remembers which files a journal writes to, by device and inode. Thread-safe; `check` costs three stats and waits for no write.
final class JournalPlaceCheck: Sendable {
    private struct Segment {
        var generation: UInt64
        var storage: StorageIdentity
    }

    private let directory: JournalDirectory
    /// Of the mark file and of the lock, which are never replaced.
    private let marks: StorageIdentity
    private let lock: StorageIdentity
    /// The segment that is appended to.
    private let segment = Mutex<Segment?>(nil)

    init(_ directory: JournalDirectory) throws(FileError) {
        self.directory = directory
        marks = try directory.storageIdentity()
        lock = try directory.files.storageIdentity(of: directory.lockPath)
    }

    /// This segment is appended to from now on.
    func onSegment(_ generation: UInt64) throws(FileError) {
        let storage = try directory.files.storageIdentity(of: directory.segmentPath(generation))
        segment.withLock { $0 = Segment(generation: generation, storage: storage) }
    }

    /// Throws `.io` with the operation "find" where the marks, the lock or the segment are gone, or others have their names.
    func check() throws(FileError) {
        try check(directory.marksPath, marks)
        try check(directory.lockPath, lock)
        if let segment = segment.withLock(\.self) {
            try check(directory.segmentPath(segment.generation), segment.storage)
        }
    }

    private func check(_ path: String, _ known: StorageIdentity) throws(FileError) {
        do throws(FileError) {
            guard try directory.files.storageIdentity(of: path) != known else { return }
        } catch {
            // Only what says that nothing is there says that it is gone.
            guard error.code == .notFound else { return }
        }
        throw FileError(.io, operation: "find", path: path)
    }
}
