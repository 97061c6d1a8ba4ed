// Keeps the lineage book over restarts. Blocks on the disk.

import ClusterModel
package import NodeEnvironment

/// The file `lineage` beside the journal.
package struct LineageFile: Sendable {
    private let directory: String
    private let files: any FileStore

    /// Names times links of a few hundred bytes at most: a bound against a damaged length.
    private static let longest = 1 << 30

    package init(directory: String, files: any FileStore) {
        self.directory = directory
        self.files = files
    }

    private var path: String { "\(directory)/lineage" }

    /// An empty book where there is no file. Throws `.lineageUnreadable` for one that does not verify: agreed ends that were
    /// heard must not be forgotten, and nothing that was dropped comes back.
    package func load() throws(MirrorError) -> LineageBook {
        do throws(FileError) {
            guard files.exists(path) else { return LineageBook() }
            let file = try files.open(path, .read)
            defer { file.close() }
            let length = try file.length()
            if length <= UInt64(Self.longest),
                let book = LineageBook(decoding: try file.read(at: 0, count: Int(length)))
            {
                return book
            }
        } catch {
            throw MirrorError(.lineageUnreadable, "\(path): \(error)")
        }
        throw MirrorError(.lineageUnreadable, "\(path) does not verify")
    }

    /// Durable when it returns.
    package func save(_ book: LineageBook) throws(MirrorError) {
        do throws(FileError) {
            let file = try files.open("\(path).new", .createOrReplace)
            defer { file.close() }
            try file.write(book.encoded, at: 0)
            try file.synchronizeData()
            try files.rename("\(path).new", to: path)
            try files.syncDirectory(directory)
        } catch {
            throw MirrorError(.lineageUnreadable, "\(path) cannot be written: \(error)")
        }
    }
}
