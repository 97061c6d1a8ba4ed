// What was trimmed from a journal: the file "trimmed-GGGGGGGGGGGGGGGG.bases", in two copies. The first is durable before the
// second is written, and both are before a segment goes: whatever is damaged or cut off, one says at least as much as was
// removed.
//
// | bytes | field                                                                                     |
// |-------|-------------------------------------------------------------------------------------------|
// | 0-3   | magic "MRDT"                                                                              |
// | 4-7   | CRC32C over bytes 8 to the end                                                            |
// | 8-11  | format, 2                                                                                 |
// | 12-15 | number of logs                                                                            |
// | 16-23 | journal id                                                                                |
// | 24-31 | sequence: how often something was trimmed                                                 |
// | 32-39 | the first segment generation that is kept                                                 |
// | 40-   | a log 56 bytes, ascending: region u16, topic u16, partition u32, incarnation u64, base    |
// |       | offset u64, chain digest there (16 bytes), last stamp before it u64, epoch u64            |
// | then  | number of lines u32, then a line 16 bytes, ascending: region u16, topic u16, partition    |
// |       | u32, the incarnation below which its logs are settled and dropped, u64                    |

import ClusterModel
import NodeEnvironment

/// Where each log begins now, and with which digest its chain goes on (S8). A value.
struct TrimmedPrefix: Hashable, Sendable {
    struct Base: Hashable, Sendable {
        var offset: Offset
        var digest: Digest128
        var lastStamp: HybridStamp
        var epoch: Epoch
    }

    var journal: UInt64
    var sequence: UInt64 = 0
    /// Segments below it are gone, or about to be.
    var firstGeneration: UInt64 = 1
    var bases: [LogIdentity: Base] = [:]
    /// Logs below these incarnations are settled and forgotten (S1b).
    var dropped: [LogName: Incarnation] = [:]

    /// Logs that one journal can have trimmed: a bound against a damaged count.
    static let maxLogs = 1 << 20
    private static let magic: UInt32 = 0x5444_524d  // "MRDT"
    private static let format: UInt32 = 2
    /// Lines of which logs can be dropped: one a log name.
    static let maxLines = 1 << 18
    private static let lineLength = 16
    private static let headerLength = 40
    private static let entryLength = 56

    init(journal: UInt64) { self.journal = journal }

    static let maxLength = headerLength + maxLogs * entryLength + 4 + maxLines * lineLength

    func encode() -> [UInt8] {
        var writer = ByteWriter(
            reservingCapacity: Self.headerLength + bases.count * Self.entryLength + 4 + dropped.count * Self.lineLength)
        writer.write(Self.magic)
        writer.write(UInt32(0))
        writer.write(Self.format)
        writer.write(UInt32(bases.count))
        for word in [journal, sequence, firstGeneration] { writer.write(word) }
        for (log, base) in bases.sorted(by: { $0.key < $1.key }) {
            writer.write(log)
            writer.write(base.offset.rawValue)
            writer.write(base.digest)
            writer.write(base.lastStamp.rawValue)
            writer.write(base.epoch.rawValue)
        }
        writer.write(UInt32(dropped.count))
        for (name, incarnation) in dropped.sorted(by: { $0.key < $1.key }) {
            writer.write(name)
            writer.write(incarnation.rawValue)
        }
        writer.overwrite(writer.checksum(of: 8..<writer.count), at: 4)
        return writer.bytes
    }

    /// Nil where the bytes do not verify.
    init?(decoding bytes: [UInt8]) {
        guard bytes.count >= Self.headerLength, bytes.count <= Self.maxLength else { return nil }
        var reader = ByteReader(bytes)
        do {
            guard try reader.read(UInt32.self) == Self.magic,
                try reader.read(UInt32.self) == bytes.checksum(of: 8..<bytes.count),
                try reader.read(UInt32.self) == Self.format
            else { return nil }
            let count = Int(try reader.read(UInt32.self))
            guard bytes.count >= Self.headerLength + count * Self.entryLength + 4 else { return nil }
            journal = try reader.read()
            sequence = try reader.read()
            firstGeneration = try reader.read()
            guard max(sequence, firstGeneration) <= JournalLimits.lastNumber else { return nil }
            for _ in 0..<count {
                bases[try reader.readLogIdentity()] = Base(
                    offset: Offset(try reader.read()), digest: try reader.readDigest(),
                    lastStamp: HybridStamp(rawValue: try reader.read()), epoch: Epoch(try reader.read()))
            }
            let lines = Int(try reader.read(UInt32.self))
            guard lines <= Self.maxLines, reader.remaining == lines * Self.lineLength else { return nil }
            for _ in 0..<lines { dropped[try reader.readLogName()] = Incarnation(try reader.read()) }
            try reader.expectEnd()
        } catch {
            return nil
        }
    }
}

extension JournalDirectory {
    private func trimmed(of journal: UInt64) -> (copies: GenerationCopies, verify: ([UInt8]) throws -> TrimmedPrefix) {
        let file = GenerationFile(
            "trimmed", suffix: ".bases", in: path, maxBytes: TrimmedPrefix.maxLength, files: files)
        return (
            GenerationCopies(file),
            { bytes in
                guard let prefix = TrimmedPrefix(decoding: bytes), prefix.journal == journal else {
                    throw UnverifiedContent("no bases of this journal")
                }
                return prefix
            }
        )
    }

    /// The newest valid copy; nothing trimmed where there is none. `isStarting`: a damaged copy is written anew.
    func readTrimmed(of journal: UInt64, isStarting: Bool) throws(FileError) -> TrimmedPrefix {
        let (copies, verify) = trimmed(of: journal)
        let loaded = try isStarting ? copies.load(verify) : copies.read(verify)
        return loaded.newest?.value ?? TrimmedPrefix(journal: journal)
    }

    /// Both copies are durable when it returns.
    func writeTrimmed(_ prefix: TrimmedPrefix) throws(FileError) {
        let (copies, verify) = trimmed(of: prefix.journal)
        try copies.save(prefix.encode()) { _ = try verify($0) }
    }

    /// Removes what is trimmed; how many segments went. What cannot be removed now is removed by the next call.
    @discardableResult
    func removeSegments(below first: UInt64) throws(FileError) -> Int {
        let gone = try generations().prefix { $0 < first }
        for generation in gone { try retire(generation) }
        if !gone.isEmpty { try files.syncDirectory(path) }
        return gone.count
    }

    /// The hand-over of a segment whose batches are all trimmed.
    private func retire(_ generation: UInt64) throws(FileError) { try files.remove(segmentPath(generation)) }
}
