// The files of a journal: names, order, creation. What is durable when is decided here and nowhere else.

import ClusterModel
import EventLog
import NodeEnvironment

/// A directory with a journal's identity, `marks`, `lock` and segments named by their sixteen-digit hexadecimal generation.
struct JournalDirectory: Sendable {
    let path: String
    let files: any FileStore

    func segmentPath(_ generation: UInt64) -> String {
        let digits = String(generation, radix: 16)
        return "\(path)/\(String(repeating: "0", count: 16 - digits.count))\(digits).segment"
    }

    /// The generation of a segment's file name; nil for any other name.
    static func generation(ofSegment name: some StringProtocol) -> UInt64? {
        guard name.hasSuffix(".segment"), let generation = UInt64(name.dropLast(8), radix: 16),
            generation <= JournalLimits.lastNumber
        else { return nil }
        return generation
    }

    /// Generations of the segments that are there, in order.
    func generations() throws(FileError) -> [UInt64] {
        try files.list(path).compactMap { Self.generation(ofSegment: $0) }.sorted()
    }

    /// The last generation whose number is used, at least `last`: a segment behind it in which something was begun keeps
    /// its file and its number, whatever became of what was written.
    func lastUsedGeneration(atLeast last: UInt64) throws(FileError) -> UInt64 {
        var used = last
        for generation in try generations() where generation > last {
            let file = try files.open(segmentPath(generation), .read)
            defer { file.close() }
            if try file.read(at: 0, count: GroupFrame.headerLength).contains(where: { $0 != 0 }) { used = generation }
        }
        return used
    }

    /// A new segment with its blocks reserved, its name durable. Replaces a blank one of the same number. Throws `.noSpace`
    /// while there is still room for everything else.
    func createSegment(_ generation: UInt64, length: Int) throws(FileError) -> any StoredFile {
        let needed = UInt64(length) + JournalLimits.reservedBytes(forSegmentOf: length)
        guard try files.availableBytes(at: path) >= needed else {
            throw FileError(.noSpace, operation: "reserve", path: path)
        }
        let file = try files.open(segmentPath(generation), .createOrReplace)
        do {
            try file.reserve(length: UInt64(length))
            try file.synchronizeData()
            try files.syncDirectory(path)
        } catch {
            file.close()
            try? files.remove(segmentPath(generation))  // an empty segment left behind is harmless: recovery skips it
            throw error
        }
        return file
    }

    /// Gives back what lies behind `end`. Only zeros do, or what no start would believe.
    func shortenSegment(_ generation: UInt64, to end: UInt64) throws(FileError) {
        let path = segmentPath(generation)
        guard files.exists(path) else { return }
        let file = try files.open(path, .readWrite)
        defer { file.close() }
        guard try file.length() > end else { return }
        try file.truncate(length: end)
        try file.synchronizeData()
    }

    /// Bytes of a segment's file.
    func segmentLength(_ generation: UInt64) throws(FileError) -> UInt64 {
        let file = try files.open(segmentPath(generation), .read)
        defer { file.close() }
        return try file.length()
    }

    var marksPath: String { "\(path)/marks" }
    var lockPath: String { "\(path)/lock" }

    func openMarks() throws(FileError) -> any StoredFile {
        let name = marksPath
        if files.exists(name) { return try files.open(name, .readWrite) }
        let file = try files.open(name, .createNew)
        try file.write([UInt8](repeating: 0, count: 2 * Mark.slotLength), at: 0)
        try file.synchronizeData()
        try files.syncDirectory(path)
        return file
    }

    /// Two copies: one of another storage would be wrong.
    private var identity: GenerationCopies {
        GenerationCopies(
            GenerationFile(
                "journal", suffix: ".identity", in: path, maxBytes: JournalIdentity.length, files: files))
    }

    /// Nil where there is none that verifies. `isStarting`: what is damaged is written anew.
    func readIdentity(isStarting: Bool) throws(FileError) -> JournalIdentity? {
        let verify = JournalIdentity.verified
        let loaded = try isStarting ? identity.load(verify) : identity.read(verify)
        return loaded.newest?.value
    }

    /// Durable when it returns.
    func writeIdentity(_ identity: JournalIdentity) throws(FileError) {
        try self.identity.save(identity.encode()) { _ = try JournalIdentity.verified($0) }
    }

    func storageIdentity() throws(FileError) -> StorageIdentity { try files.storageIdentity(of: marksPath) }
}
