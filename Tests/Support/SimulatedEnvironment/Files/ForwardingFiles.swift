// File stores that change one thing and pass on everything else.

package import NodeEnvironment

/// A store in front of another one. `open` stays to be written: it says which files are changed.
package protocol ForwardingFileStore: FileStore {
    var base: any FileStore { get }
}

extension ForwardingFileStore {
    package func createDirectory(_ path: String) throws(FileError) { try base.createDirectory(path) }

    package func list(_ directory: String) throws(FileError) -> [String] { try base.list(directory) }

    package func rename(_ source: String, to destination: String) throws(FileError) {
        try base.rename(source, to: destination)
    }

    package func remove(_ path: String) throws(FileError) { try base.remove(path) }

    package func syncDirectory(_ path: String) throws(FileError) { try base.syncDirectory(path) }

    package var damage: FileDamage? { base.damage }

    package func exists(_ path: String) -> Bool { base.exists(path) }

    package func checkWritable(_ path: String) throws(FileError) { try base.checkWritable(path) }

    package func owner(of path: String) -> FileOwner? { base.owner(of: path) }

    package func availableBytes(at path: String) throws(FileError) -> UInt64 { try base.availableBytes(at: path) }

    package func storageIdentity(of path: String) throws(FileError) -> StorageIdentity {
        try base.storageIdentity(of: path)
    }

    package func lockExclusively(_ path: String) throws(FileError) -> any FileLock { try base.lockExclusively(path) }

    package func lockShared(_ path: String) throws(FileError) -> (any FileLock)? { try base.lockShared(path) }
}

/// A file in front of another one. Reads behind kept bytes and writes of pieces go through `read` and `write`, as for any
/// file that has no shorter way.
package protocol ForwardingFile: StoredFile {
    var base: any StoredFile { get }
}

extension ForwardingFile {
    package func read(at position: UInt64, count: Int) throws(FileError) -> [UInt8] {
        try base.read(at: position, count: count)
    }

    package func write(_ bytes: borrowing RawSpan, at position: UInt64) throws(FileError) {
        try base.write(bytes, at: position)
    }

    package func synchronizeData() throws(FileError) { try base.synchronizeData() }

    package func reserve(length: UInt64) throws(FileError) { try base.reserve(length: length) }

    package func truncate(length: UInt64) throws(FileError) { try base.truncate(length: length) }

    package func length() throws(FileError) -> UInt64 { try base.length() }

    package func close() { base.close() }
}
