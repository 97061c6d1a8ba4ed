// Keeps the promises of seals over restarts. Blocks on the disk.

import ClusterModel
package import NodeEnvironment

/// The file "seals-GGGGGGGGGGGGGGGG.book" beside the journal, in two copies: an older promise in the place of a newer one would
/// be none.
package struct SealFile: Sendable {
    private let directory: String
    private let copies: GenerationCopies

    private static let longest = 16 + 10 * SealBook.maxOrigins

    package init(directory: String, files: any FileStore) {
        self.directory = directory
        copies = GenerationCopies(
            GenerationFile("seals", suffix: ".book", in: directory, maxBytes: Self.longest, files: files))
    }

    /// An empty book where there is no file. Throws `.sealsUnreadable` for one of which no copy verifies: a promise that
    /// cannot be read must not be taken for none. A damaged copy is written anew.
    package func load() throws(MirrorError) -> SealBook {
        let loaded: GenerationFile.Loaded<SealBook>
        do throws(FileError) {
            loaded = try copies.load(Self.verified)
        } catch {
            throw MirrorError(.sealsUnreadable, "\(directory): \(error)")
        }
        if let newest = loaded.newest { return newest.value }
        guard loaded.isAbsent else {
            throw MirrorError(.sealsUnreadable, loaded.refused.joined(separator: "; "))
        }
        return SealBook()
    }

    /// Durable when it returns.
    package func save(_ book: SealBook) throws(MirrorError) {
        do throws(FileError) {
            try copies.save(book.encoded) { _ = try Self.verified($0) }
        } catch {
            throw MirrorError(.sealsUnreadable, "the seals in \(directory) cannot be written: \(error)")
        }
    }

    private static func verified(_ bytes: [UInt8]) throws -> SealBook {
        guard let book = SealBook(decoding: bytes) else { throw UnverifiedContent("no seals") }
        return book
    }
}
