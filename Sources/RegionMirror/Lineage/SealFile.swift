// Keeps the promises of seals over restarts. Blocks on the disk.

import ClusterModel
package import NodeEnvironment

/// The file `seals` beside the journal.
package struct SealFile: Sendable {
    private let directory: String
    private let files: any FileStore

    private static let longest = 16 + 10 * SealBook.maxOrigins

    package init(directory: String, files: any FileStore) {
        self.directory = directory
        self.files = files
    }

    private var path: String { "\(directory)/seals" }

    /// An empty book where there is no file. Throws `.sealsUnreadable` for one that does not verify: a promise that
    /// cannot be read must not be taken for none.
    package func load() throws(MirrorError) -> SealBook {
        do throws(FileError) {
            guard files.exists(path) else { return SealBook() }
            let file = try files.open(path, .read)
            defer { file.close() }
            let bytes = try file.read(at: 0, count: Self.longest)
            if let book = SealBook(decoding: bytes) { return book }
        } catch {
            throw MirrorError(.sealsUnreadable, "\(path): \(error)")
        }
        throw MirrorError(.sealsUnreadable, "\(path) does not verify")
    }

    /// Durable when it returns.
    package func save(_ book: SealBook) throws(MirrorError) {
        do throws(FileError) {
            let file = try files.open("\(path).new", .createOrReplace)
            defer { file.close() }
            try file.write(book.encoded, at: 0)
            try file.synchronizeData()
            try files.rename("\(path).new", to: path)
            try files.syncDirectory(directory)
        } catch {
            throw MirrorError(.sealsUnreadable, "\(path) cannot be written: \(error)")
        }
    }
}
