// A file store that counts what is read of segments.

package import NodeEnvironment
import Synchronization

/// Passes everything on.
package final class CountingFiles: FileStore {
    package struct Reads: Hashable, Sendable {
        package var calls = 0
        package var bytes = 0

        package init() {}
    }

    private let base: any FileStore
    private let counted = Mutex(Reads())

    package init(_ base: any FileStore) { self.base = base }

    package var reads: Reads {
        get { counted.withLock { $0 } }
        set { counted.withLock { $0 = newValue } }
    }

    fileprivate func onRead(_ bytes: Int) {
        counted.withLock { reads in
            reads.calls += 1
            reads.bytes += bytes
        }
    }

    package func open(_ path: String, _ mode: FileOpenMode) throws(FileError) -> any StoredFile {
        let file = try base.open(path, mode)
        return path.hasSuffix(".segment") && mode == .read ? CountingFile(file, of: self) : file
    }

    package func createDirectory(_ path: String) throws(FileError) { try base.createDirectory(path) }

    package func list(_ directory: String) throws(FileError) -> [String] { try base.list(directory) }

    package func rename(_ source: String, to destination: String) throws(FileError) {
        try base.rename(source, to: destination)
    }

    package func remove(_ path: String) throws(FileError) { try base.remove(path) }

    package func syncDirectory(_ path: String) throws(FileError) { try base.syncDirectory(path) }

    package func exists(_ path: String) -> Bool { base.exists(path) }

    package func availableBytes(at path: String) throws(FileError) -> UInt64 { try base.availableBytes(at: path) }

    package func storageIdentity(of path: String) throws(FileError) -> StorageIdentity {
        try base.storageIdentity(of: path)
    }

    package func lockExclusively(_ path: String) throws(FileError) -> any FileLock { try base.lockExclusively(path) }
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
