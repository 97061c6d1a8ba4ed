// The file of the clean stop's index, and whether it still says what is there.

import ClusterModel
import NodeEnvironment

extension JournalDirectory {
    private var index: GenerationFile {
        GenerationFile("index", suffix: ".clean", in: path, maxBytes: JournalIndex.maxLength, files: files)
    }

    /// The index that the newest mark names; nil where none does, or where the segments are not as it says: the journal is
    /// scanned then. Reads the index, and the first frame of segments behind its last one, of which there are none or
    /// blank ones. Throws when the directory cannot be read.
    func readIndex(of mark: Mark) throws(FileError) -> JournalIndex? {
        guard mark.isClean else { return nil }
        let loaded = try index.load { bytes in
            guard let index = JournalIndex(decoding: bytes), index.belongs(to: mark) else {
                throw UnverifiedContent("no index of the newest mark")
            }
            return index
        }
        guard let found = loaded.newest?.value, try isWhole(found) else { return nil }
        return found
    }

    /// Whether all its segments are there, the last one as long as it says, and nothing was written behind them: a mark that was damaged later would hide it.
    private func isWhole(_ index: JournalIndex) throws(FileError) -> Bool {
        let found = try generations()
        guard Set(found).isSuperset(of: index.segments) else { return false }
        if index.tail.end > 0 {
            let length = try segmentLength(index.tail.generation)
            guard length >= index.tail.end else { return false }
        }
        for generation in found where generation > index.tail.generation {
            guard try isBlank(generation) else { return false }
        }
        return true
    }

    /// Whether a segment begins with zeros, or with a group of an older generation.
    private func isBlank(_ generation: UInt64) throws(FileError) -> Bool {
        let file = try files.open(segmentPath(generation), .read)
        defer { file.close() }
        if let first = try GroupFrame.first(of: file) { return first.generation < generation }
        return try file.read(at: 0, count: GroupFrame.headerLength).allSatisfy { $0 == 0 }
    }

    /// Durable when it returns; the index before it stays as the older generation.
    func writeIndex(_ index: JournalIndex) throws(FileError) {
        let bytes = index.encode()
        guard bytes.count <= JournalIndex.maxLength else { return }
        _ = try self.index.save(bytes) { bytes in
            guard JournalIndex.isSound(bytes) else { throw UnverifiedContent("no index") }
        }
    }
}
