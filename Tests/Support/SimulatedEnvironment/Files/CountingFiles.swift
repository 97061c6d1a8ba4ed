// A file store that counts what is read of segments.

package import NodeEnvironment
import Synchronization

/// Passes everything on.
package final class CountingFiles: ForwardingFileStore {
    package struct Reads: Hashable, Sendable {
        package var calls = 0
        package var bytes = 0

        package init() {}
    }

    package let base: any FileStore
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
}

private final class CountingFile: ForwardingFile {
    let base: any StoredFile
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
}
