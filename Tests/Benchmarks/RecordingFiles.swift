// A file store that notes what is written to segments and read of them, and leaves syncs out where a load asks for that.

import NodeEnvironment
import Synchronization

/// Passes everything on. The pattern of writes is what the raw load repeats.
final class RecordingFiles: FileStore {
    struct Pattern: Sendable {
        /// Bytes of each write to a segment, in order; a sync follows each.
        var writes: [Int] = []
        var syncs = 0
        var reads = 0
        var bytesRead = 0
        var bytes: Int { writes.reduce(0, +) }
    }

    private let base: any FileStore
    private let syncs: Bool
    let pattern = Mutex(Pattern())

    init(_ base: any FileStore, syncs: Bool) {
        self.base = base
        self.syncs = syncs
    }

    func open(_ path: String, _ mode: FileOpenMode) throws(FileError) -> any StoredFile {
        let file = try base.open(path, mode)
        guard path.hasSuffix(".segment") else { return file }
        return RecordingFile(file, of: self, syncs: syncs)
    }

    func createDirectory(_ path: String) throws(FileError) { try base.createDirectory(path) }

    func list(_ directory: String) throws(FileError) -> [String] { try base.list(directory) }

    func rename(_ source: String, to destination: String) throws(FileError) {
        try base.rename(source, to: destination)
    }

    func remove(_ path: String) throws(FileError) { try base.remove(path) }

    func syncDirectory(_ path: String) throws(FileError) { try base.syncDirectory(path) }

    func exists(_ path: String) -> Bool { base.exists(path) }

    func availableBytes(at path: String) throws(FileError) -> UInt64 { try base.availableBytes(at: path) }

    func storageIdentity(of path: String) throws(FileError) -> StorageIdentity { try base.storageIdentity(of: path) }

    func lockExclusively(_ path: String) throws(FileError) -> any FileLock { try base.lockExclusively(path) }
}

private final class RecordingFile: StoredFile {
    private let base: any StoredFile
    private let owner: RecordingFiles
    private let syncs: Bool

    init(_ base: any StoredFile, of owner: RecordingFiles, syncs: Bool) {
        self.base = base
        self.owner = owner
        self.syncs = syncs
    }

    func read(at position: UInt64, count: Int) throws(FileError) -> [UInt8] {
        let bytes = try base.read(at: position, count: count)
        owner.pattern.withLock { pattern in
            pattern.reads += 1
            pattern.bytesRead += bytes.count
        }
        return bytes
    }

    func read(
        at position: UInt64, count: Int, behind kept: ArraySlice<UInt8>
    ) throws(FileError) -> [UInt8] {
        let bytes = try base.read(at: position, count: count, behind: kept)
        owner.pattern.withLock { pattern in
            pattern.reads += 1
            pattern.bytesRead += bytes.count - kept.count
        }
        return bytes
    }

    func write(_ bytes: borrowing RawSpan, at position: UInt64) throws(FileError) {
        let count = bytes.byteCount
        owner.pattern.withLock { $0.writes.append(count) }
        try base.write(bytes, at: position)
    }

    func write(_ pieces: [ArraySlice<UInt8>], at position: UInt64) throws(FileError) {
        owner.pattern.withLock { $0.writes.append(pieces.reduce(0) { $0 + $1.count }) }
        try base.write(pieces, at: position)
    }

    func synchronizeData() throws(FileError) {
        owner.pattern.withLock { $0.syncs += 1 }
        if syncs { try base.synchronizeData() }
    }

    func reserve(length: UInt64) throws(FileError) { try base.reserve(length: length) }

    func truncate(length: UInt64) throws(FileError) { try base.truncate(length: length) }

    func length() throws(FileError) -> UInt64 { try base.length() }

    func close() { base.close() }
}
