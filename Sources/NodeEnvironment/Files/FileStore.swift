// Files, as the node sees them. Calls block: they belong on a dedicated executor or before the node serves. The real
// implementation is HostEnvironment's; the simulated one tears, loses, delays and fails writes.

/// The files of one machine. Paths are absolute or relative to the process; "/" separates.
package protocol FileStore: Sendable {
    func open(_ path: String, _ mode: FileOpenMode) throws(FileError) -> any StoredFile

    /// Creates the directory and its missing parents, and syncs each parent that changed. Fine when it is there.
    func createDirectory(_ path: String) throws(FileError)

    /// Names (not paths) in a directory, sorted.
    func list(_ directory: String) throws(FileError) -> [String]

    /// Replaces `destination` when it is there. Durable only after `syncDirectory`.
    func rename(_ source: String, to destination: String) throws(FileError)

    func remove(_ path: String) throws(FileError)

    /// fsync of a directory: makes creations, renames and removals in it durable.
    func syncDirectory(_ path: String) throws(FileError)

    func exists(_ path: String) -> Bool

    /// The lowest twelve bits of the file's mode; nil where files have none.
    func permissions(of path: String) throws(FileError) -> UInt16?

    /// Whether this process may write the file, or make files in the directory, as far as modes and mounts tell; tries nothing.
    func checkWritable(_ path: String) throws(FileError)

    /// Whose the file is, and who this process is; nil where files are nobody's, and where it cannot be told.
    func owner(of path: String) -> FileOwner?

    /// The path as it stands for every process, for messages to people.
    func absolutePath(of path: String) -> String

    /// Bytes that this process may still write to the file system of `path`.
    func availableBytes(at path: String) throws(FileError) -> UInt64

    /// Names the file's storage on this machine, so that a copied directory is known as a copy (S1): device and inode.
    func storageIdentity(of path: String) throws(FileError) -> StorageIdentity

    /// Takes an exclusive lock that ends with the process; throws `.locked` while another process holds it.
    func lockExclusively(_ path: String) throws(FileError) -> any FileLock

    /// Takes a lock that others may share and that keeps exclusive ones away; throws `.locked` while another process holds one.
    /// Creates and writes nothing, so that it works on a read-only disk: nil where there is no such file.
    func lockShared(_ path: String) throws(FileError) -> (any FileLock)?

    /// Hears of stored copies that do not verify; nil where nobody listens.
    var damage: FileDamage? { get }
}

extension FileStore {
    /// For stores without users.
    package func permissions(of path: String) throws(FileError) -> UInt16? { nil }

    /// For stores without users.
    package func owner(of path: String) -> FileOwner? { nil }

    /// For stores without users.
    package func checkWritable(_ path: String) throws(FileError) {}

    /// For stores that nobody watches.
    package var damage: FileDamage? { nil }

    /// For stores that no process has a place in.
    package func absolutePath(of path: String) -> String { path }
}

/// A file's user and the process's own, for messages to people: names where the system knows them, numbers otherwise.
package struct FileOwner: Hashable, Sendable {
    package let owner: String
    package let process: String

    package init(owner: String, process: String) {
        self.owner = owner
        self.process = process
    }
}

/// Kept to hold a lock; releasing the value releases the lock.
package protocol FileLock: Sendable {
    func release()
}

package enum FileOpenMode: Hashable, Sendable {
    /// Fails when the file is missing.
    case read
    /// Fails when the file is missing.
    case readWrite
    /// Creates the file; fails when it is there.
    case createNew
    /// Creates the file, or opens and empties it.
    case createOrReplace
}

/// (device, inode): equal for one file under several names, different for a copy.
package struct StorageIdentity: Hashable, Sendable {
    package let device: UInt64
    package let inode: UInt64

    package init(device: UInt64, inode: UInt64) {
        self.device = device
        self.inode = inode
    }
}

/// One open file. Positions are bytes from its start. Not for use from two threads at once.
package protocol StoredFile: AnyObject, Sendable {
    /// Up to `count` bytes; fewer only at the end of the file.
    func read(at position: UInt64, count: Int) throws(FileError) -> [UInt8]

    /// The bytes of `kept`, and behind them up to `count` bytes of the file from `position` on: how a reader goes on
    /// without reading again what it holds.
    func read(at position: UInt64, count: Int, behind kept: ArraySlice<UInt8>) throws(FileError) -> [UInt8]

    /// Writes all of the bytes or throws; after a throw any part of them may be in the file.
    func write(_ bytes: borrowing RawSpan, at position: UInt64) throws(FileError)

    /// Writes the pieces one behind the other as if they were one, without a copy where the system can. Same promises.
    func write(_ pieces: [ArraySlice<UInt8>], at position: UInt64) throws(FileError)

    /// fdatasync: when it returns, all that was written before survives a power cut. After a throw nothing written
    /// since the last success may be believed, not even by trying again (S7).
    func synchronizeData() throws(FileError)

    /// Sets the length; what is added reads as zeros and has its blocks reserved, so that later writes inside it do not
    /// meet a full disk.
    func reserve(length: UInt64) throws(FileError)

    func truncate(length: UInt64) throws(FileError)

    func length() throws(FileError) -> UInt64

    /// These bytes are not read again soon: they need not stay in memory. A hint; never fails.
    func dropFromCache(at position: UInt64, count: Int)

    /// Idempotent.
    func close()
}

extension StoredFile {
    package func dropFromCache(at position: UInt64, count: Int) {}

    package func write(_ pieces: [ArraySlice<UInt8>], at position: UInt64) throws(FileError) {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(pieces.reduce(0) { $0 + $1.count })
        for piece in pieces { bytes.append(contentsOf: piece) }
        try write(bytes, at: position)
    }

    package func read(
        at position: UInt64, count: Int, behind kept: ArraySlice<UInt8>
    ) throws(FileError) -> [UInt8] {
        let bytes = try read(at: position, count: count)
        return kept.isEmpty ? bytes : Array(kept) + bytes
    }

    package func write(_ bytes: [UInt8], at position: UInt64) throws(FileError) {
        try unsafe write(bytes.span.bytes, at: position)
    }
}
