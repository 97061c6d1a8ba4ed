// A machine's disk as one start of it sees it: the files end with the start, and power may go at any operation.

package import NodeEnvironment
import Synchronization

/// Passes operations on to the disk until the machine dies; then all fail.
package final class MachineFiles: FileStore {
    private struct State {
        var isDead = false
        var operations: UInt64 = 0
        var armed: (left: Int, cut: @Sendable () -> Void)?
    }

    private let disk: SimulatedFileStore
    private let state = Mutex(State())

    init(disk: SimulatedFileStore) { self.disk = disk }

    /// Operations so far that change the disk.
    package var operations: UInt64 { state.withLock(\.operations) }

    func arm(after count: Int, _ cut: @escaping @Sendable () -> Void) {
        state.withLock { $0.armed = (count, cut) }
    }

    func die() { state.withLock { $0.isDead = true } }

    /// Before every operation that changes something.
    func change(_ operation: String, _ path: String) throws(FileError) {
        let cut = state.withLock { state -> (@Sendable () -> Void)? in
            // What a dead start still tries cuts nobody's power.
            guard !state.isDead else { return nil }
            state.operations += 1
            guard let armed = state.armed else { return nil }
            guard armed.left == 0 else {
                state.armed?.left -= 1
                return nil
            }
            state.armed = nil
            return armed.cut
        }
        cut?()
        try look(operation, path)
    }

    /// Before every operation.
    func look(_ operation: String, _ path: String) throws(FileError) {
        if state.withLock(\.isDead) { throw FileError(.io, operation: operation, path: path, systemError: 5) }
    }

    package func open(_ path: String, _ mode: FileOpenMode) throws(FileError) -> any StoredFile {
        if mode == .createNew || mode == .createOrReplace { try change("open", path) } else { try look("open", path) }
        return MachineFile(file: try disk.open(path, mode), path: path, files: self)
    }

    package func createDirectory(_ path: String) throws(FileError) {
        try change("mkdir", path)
        try disk.createDirectory(path)
    }

    package func list(_ directory: String) throws(FileError) -> [String] {
        try look("readdir", directory)
        return try disk.list(directory)
    }

    package func rename(_ source: String, to destination: String) throws(FileError) {
        try change("rename", source)
        try disk.rename(source, to: destination)
    }

    package func remove(_ path: String) throws(FileError) {
        try change("unlink", path)
        try disk.remove(path)
    }

    package func syncDirectory(_ path: String) throws(FileError) {
        try change("fsync", path)
        try disk.syncDirectory(path)
    }

    package func exists(_ path: String) -> Bool { disk.exists(path) }

    package func availableBytes(at path: String) throws(FileError) -> UInt64 {
        try look("statvfs", path)
        return try disk.availableBytes(at: path)
    }

    package func storageIdentity(of path: String) throws(FileError) -> StorageIdentity {
        try look("stat", path)
        return try disk.storageIdentity(of: path)
    }

    package func lockExclusively(_ path: String) throws(FileError) -> any FileLock {
        try look("flock", path)
        return MachineLock(lock: try disk.lockExclusively(path), files: self)
    }

    package func lockShared(_ path: String) throws(FileError) -> (any FileLock)? {
        try look("flock", path)
        return try disk.lockShared(path).map { MachineLock(lock: $0, files: self) }
    }

    fileprivate var isDead: Bool { state.withLock(\.isDead) }
}

private final class MachineFile: StoredFile {
    private let file: any StoredFile
    private let path: String
    private let files: MachineFiles

    init(file: any StoredFile, path: String, files: MachineFiles) {
        self.file = file
        self.path = path
        self.files = files
    }

    func read(at position: UInt64, count: Int) throws(FileError) -> [UInt8] {
        try files.look("pread", path)
        return try file.read(at: position, count: count)
    }

    func write(_ bytes: borrowing RawSpan, at position: UInt64) throws(FileError) {
        try files.change("pwrite", path)
        try file.write(bytes, at: position)
    }

    func synchronizeData() throws(FileError) {
        try files.change("fdatasync", path)
        try file.synchronizeData()
    }

    func reserve(length: UInt64) throws(FileError) {
        try files.change("fallocate", path)
        try file.reserve(length: length)
    }

    func truncate(length: UInt64) throws(FileError) {
        try files.change("ftruncate", path)
        try file.truncate(length: length)
    }

    func length() throws(FileError) -> UInt64 {
        try files.look("fstat", path)
        return try file.length()
    }

    func close() { file.close() }
}

/// A dead process holds no lock, and its late release must not take the next one's.
private struct MachineLock: FileLock {
    let lock: any FileLock
    let files: MachineFiles

    func release() {
        if !files.isDead { lock.release() }
    }
}
