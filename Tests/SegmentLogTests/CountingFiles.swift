// A file store that counts what is read of segments.

import NodeEnvironment
import Synchronization

/// Passes everything on.
final class CountingFiles: FileStore {
    struct Reads: Hashable, Sendable {
        var calls = 0
        var bytes = 0
    }

    private let base: any FileStore
    private let counted = Mutex(Reads())

    init(_ base: any FileStore) { self.base = base }

    var reads: Reads {
        get { counted.withLock { $0 } }
        set { counted.withLock { $0 = newValue } }
    }

    fileprivate func onRead(_ bytes: Int) {
        counted.withLock { reads in
            reads.calls += 1
            reads.bytes += bytes
        }
    }

    func open(_ path: String, _ mode: FileOpenMode) throws(FileError) -> any StoredFile {
        let file = try base.open(path, mode)
        return path.hasSuffix(".segment") && mode == .read ? CountingFile(file, of: self) : file
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

private final class CountingFile: StoredFile {
    private let base: any StoredFile
    private let owner: CountingFiles

    init(_ base: any StoredFile, of owner: CountingFiles) {
        self.base = base
        self.owner = owner
    }

    func read(at position: UInt64, count: Int) throws(FileError) -> [UInt8] {
        let bytes = try base.read(at: position, count: count)
        owner.onRead(bytes.count)
        return bytes
    }

    func write(_ bytes: borrowing RawSpan, at position: UInt64) throws(FileError) {
        try base.write(bytes, at: position)
    }

    func synchronizeData() throws(FileError) { try base.synchronizeData() }

    func reserve(length: UInt64) throws(FileError) { try base.reserve(length: length) }

    func truncate(length: UInt64) throws(FileError) { try base.truncate(length: length) }

    func length() throws(FileError) -> UInt64 { try base.length() }

    func close() { base.close() }
}
