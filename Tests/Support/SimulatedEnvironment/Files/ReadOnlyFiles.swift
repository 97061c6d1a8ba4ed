// A disk that is mounted read-only: whatever would change it fails with EROFS, and is counted.

package import NodeEnvironment
import Synchronization

/// Passes reads on.
package final class ReadOnlyFiles: ForwardingFileStore {
    package let base: any FileStore
    private let refused = Atomic(0)

    package init(_ base: any FileStore) { self.base = base }

    /// How often something tried to change the disk.
    package var refusals: Int { refused.load(ordering: .relaxed) }

    private func refuse(_ operation: String, _ path: String) -> FileError {
        refused.add(1, ordering: .relaxed)
        return FileError(.readOnly, operation: operation, path: path, systemError: 30)
    }

    package func open(_ path: String, _ mode: FileOpenMode) throws(FileError) -> any StoredFile {
        guard mode == .read else { throw refuse("open", path) }
        return try base.open(path, mode)
    }

    package func createDirectory(_ path: String) throws(FileError) {
        if !base.exists(path) { throw refuse("mkdir", path) }
    }

    package func rename(_ source: String, to destination: String) throws(FileError) { throw refuse("rename", source) }

    package func remove(_ path: String) throws(FileError) { throw refuse("unlink", path) }

    package func syncDirectory(_ path: String) throws(FileError) { throw refuse("fsync", path) }

    package func lockExclusively(_ path: String) throws(FileError) -> any FileLock { throw refuse("open", path) }
}
