// The files of the clean stop's index, and whether one of them still says what is there.

import ClusterModel
import NodeEnvironment

extension JournalDirectory {
    private static let indexNames = ["index", "index.old"]

    /// The index that the newest mark names; nil where none does, or where the segments are not as it says: the journal is
    /// scanned then. Reads the index, and the first frame of segments behind its last one, of which there are none or
    /// blank ones. Throws when a file cannot be read.
    func readIndex(of mark: Mark) throws(FileError) -> JournalIndex? {
        guard mark.isClean else { return nil }
        for name in Self.indexNames where files.exists("\(path)/\(name)") {
            let file = try files.open("\(path)/\(name)", .read)
            defer { file.close() }
            let length = try file.length()
            guard length <= UInt64(JournalIndex.maxLength) else { continue }
            guard let index = JournalIndex(decoding: try file.read(at: 0, count: Int(length))),
                index.belongs(to: mark)
            else { continue }
            return try isWhole(index) ? index : nil
        }
        return nil
    }

    /// Whether all its segments are there, and nothing was written behind them: a mark that was damaged later would hide it.
    private func isWhole(_ index: JournalIndex) throws(FileError) -> Bool {
        let found = try generations()
        guard Set(found).isSuperset(of: index.segments) else { return false }
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
        let file = try files.open("\(path)/index.new", .createOrReplace)
        defer { file.close() }
        try file.write(bytes, at: 0)
        try file.synchronizeData()
        if files.exists("\(path)/index") { try files.rename("\(path)/index", to: "\(path)/index.old") }
        try files.rename("\(path)/index.new", to: "\(path)/index")
        try files.syncDirectory(path)
    }
}
