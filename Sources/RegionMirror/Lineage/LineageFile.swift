// Keeps the lineage book over restarts. Blocks on the disk.

import ClusterModel
package import NodeEnvironment

/// The file "lineage-GGGGGGGGGGGGGGGG.book" beside the journal, in two copies: an older book in the place of a newer one would
/// forget agreed ends that states were cut by, and bring floors back under logs that are gone.
package struct LineageFile: Sendable {
    private let directory: String
    private let copies: GenerationCopies

    /// Names times links of a few hundred bytes at most: a bound against a damaged length.
    private static let longest = 1 << 30

    package init(directory: String, files: any FileStore) {
        self.directory = directory
        copies = GenerationCopies(
            GenerationFile("lineage", suffix: ".book", in: directory, maxBytes: Self.longest, files: files))
    }

    /// An empty book where there is no file. Throws `.lineageUnreadable` for one of which no copy verifies: agreed ends that
    /// were heard must not be forgotten, and nothing that was dropped comes back. A damaged copy is written anew.
    package func load() throws(MirrorError) -> LineageBook {
        let loaded: GenerationFile.Loaded<LineageBook>
        do throws(FileError) {
            loaded = try copies.load(Self.verified)
        } catch {
            throw MirrorError(.lineageUnreadable, "\(directory): \(error)")
        }
        if let newest = loaded.newest { return newest.value }
        guard loaded.isAbsent else {
            throw MirrorError(.lineageUnreadable, loaded.refused.joined(separator: "; "))
        }
        return LineageBook()
    }

    /// Durable when it returns.
    package func save(_ book: LineageBook) throws(MirrorError) {
        do throws(FileError) {
            try copies.save(book.encoded) { _ = try Self.verified($0) }
        } catch {
            throw MirrorError(.lineageUnreadable, "the lineage in \(directory) cannot be written: \(error)")
        }
    }

    private static func verified(_ bytes: [UInt8]) throws -> LineageBook {
        guard let book = LineageBook(decoding: bytes) else { throw UnverifiedContent("no lineage") }
        return book
    }
}
