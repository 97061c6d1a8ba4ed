// The frame of one group commit in the journal (S7): node-local, so nothing of it travels.
//
// | bytes | field                                                                            |
// |-------|----------------------------------------------------------------------------------|
// | 0-3   | magic "MRDG"                                                                     |
// | 4-7   | CRC32C over bytes 8 to the end of the table                                      |
// | 8-15  | journal id                                                                       |
// | 16-23 | segment generation: equals the segment's number; bytes of another are a clean end |
// | 24-31 | group number, from 1, dense over the journal's life                              |
// | 32-39 | position of this frame in its segment                                            |
// | 40-47 | trailing mark: the last group known flushed when this one was written            |
// | 48-55 | where the previous segment ended; counts in a segment's first group only         |
// | 56-59 | number of batches                                                                |
// | 60-63 | length of the batches together                                                   |
// | 64-   | table: a batch 32 bytes: region u16, topic u16, partition u32, incarnation u64,  |
// |       | base offset u64, length u32, zero u32                                            |
// | then  | the batches, one after the other                                                 |
// | then  | zeros up to a multiple of 512, so that a later write shares no sector with it     |
//
// A frame is valid when magic, journal id, generation, position and CRC are right and the lengths add up.

import ClusterModel
import EventLog
import NodeEnvironment

/// The decoded frame, without the batches.
struct GroupFrame: Hashable, Sendable {
    struct Entry: Hashable, Sendable {
        var log: LogIdentity
        var base: Offset
        var length: UInt32
    }

    var journal: UInt64
    var generation: UInt64
    var number: UInt64
    var position: UInt64
    var mark: UInt64
    var previousSegmentEnd: UInt64
    var entries: [Entry]

    /// Where the first batch stands in the segment.
    var batchesPosition: UInt64 { position + UInt64(Self.headerLength + entries.count * Self.entryLength) }

    static let magic: UInt32 = 0x4744_524d  // "MRDG"
    static let headerLength = 64
    static let entryLength = 32
    static let alignment = 512

    /// What the fixed part says about what follows it.
    struct Prefix {
        var crc: UInt32
        var count: Int
        var payloadLength: Int

        var tableLength: Int { count * GroupFrame.entryLength }
        var groupLength: Int {
            GroupFrame.aligned(GroupFrame.headerLength + tableLength + payloadLength)
        }
    }

    static func aligned(_ length: Int) -> Int { (length + alignment - 1) / alignment * alignment }

    /// Frame, batches and padding, one behind the other: the batches' bytes are not copied. `length` is that of all.
    func pieces(_ batches: [EncodedBatch]) -> (pieces: [ArraySlice<UInt8>], length: Int) {
        let payload = batches.reduce(0) { $0 + $1.length }
        let head = head(payload)
        let length = Self.aligned(head.count + payload)
        var pieces: [ArraySlice<UInt8>] = []
        pieces.reserveCapacity(batches.count + 2)
        pieces.append(head[...])
        for batch in batches { pieces.append(batch.content) }
        pieces.append(Self.padding[..<(length - head.count - payload)])
        return (pieces, length)
    }

    private static let padding = [UInt8](repeating: 0, count: alignment)

    /// The fixed part and the table.
    private func head(_ payload: Int) -> [UInt8] {
        var writer = ByteWriter(reservingCapacity: Self.headerLength + entries.count * Self.entryLength)
        writer.write(Self.magic)
        writer.write(UInt32(0))
        for word in [journal, generation, number, position, mark, previousSegmentEnd] { writer.write(word) }
        writer.write(UInt32(entries.count))
        writer.write(UInt32(payload))
        for entry in entries {
            writer.write(entry.log)
            writer.write(entry.base.rawValue)
            writer.write(entry.length)
            writer.write(UInt32(0))
        }
        writer.overwrite(writer.checksum(of: 8..<writer.count), at: 4)
        return writer.bytes
    }

    /// Whether the magic stands at `offset`: cheap enough for every sector.
    static func beginsFrame(_ bytes: ArraySlice<UInt8>, at offset: Int) -> Bool {
        let first = bytes.startIndex + offset
        return offset + 4 <= bytes.count && bytes[first] == 0x4d && bytes[first + 1] == 0x52
            && bytes[first + 2] == 0x44 && bytes[first + 3] == 0x47
    }

    /// Reads the fixed part only; nil where no frame can start. Lengths are bounded before anything is allocated.
    static func prefix(_ bytes: ArraySlice<UInt8>) -> Prefix? {
        guard bytes.count >= headerLength else { return nil }
        var reader = ByteReader(bytes)
        guard let magic = try? reader.read(UInt32.self), magic == Self.magic,  // bounds were checked above
            let crc = try? reader.read(UInt32.self)  // likewise
        else { return nil }
        var tail = ByteReader(bytes, in: 56..<headerLength)
        guard let count = try? tail.read(UInt32.self), let payload = try? tail.read(UInt32.self),  // likewise
            count >= 1, count <= UInt32(JournalLimits.groupBatches), payload <= UInt32(JournalLimits.groupBytesOnDisk)
        else { return nil }
        return Prefix(crc: crc, count: Int(clamping: count), payloadLength: Int(clamping: payload))
    }

    /// The frame at the start of a segment, of whatever journal and generation; nil where none stands.
    static func first(of segment: any StoredFile) throws(FileError) -> GroupFrame? {
        let head = try segment.read(at: 0, count: headerLength)
        guard let prefix = prefix(head[...]) else { return nil }
        let bytes = try segment.read(at: 0, count: headerLength + prefix.tableLength)
        return GroupFrame(decoding: bytes[...], prefix: prefix)
    }

    /// Decodes header and table of `bytes`, which hold at least both. Nil where the checksum or a length is wrong.
    init?(decoding bytes: ArraySlice<UInt8>, prefix: Prefix) {
        let end = Self.headerLength + prefix.tableLength
        guard bytes.count >= end, bytes.checksum(of: 8..<end) == prefix.crc else { return nil }
        var reader = ByteReader(bytes, in: 8..<end)
        do {
            journal = try reader.read()
            generation = try reader.read()
            number = try reader.read()
            position = try reader.read()
            mark = try reader.read()
            previousSegmentEnd = try reader.read()
            _ = try reader.read(UInt64.self)
            entries = []
            entries.reserveCapacity(prefix.count)
            for _ in 0..<prefix.count { entries.append(try Entry(from: &reader)) }
        } catch {
            return nil
        }
        guard entries.reduce(0, { $0 + Int($1.length) }) == prefix.payloadLength,
            max(generation, number, position, mark, previousSegmentEnd) <= JournalLimits.lastNumber
        else { return nil }
    }

    init(
        journal: UInt64, generation: UInt64, number: UInt64, position: UInt64, mark: UInt64,
        previousSegmentEnd: UInt64, batches: [EncodedBatch]
    ) {
        self.journal = journal
        self.generation = generation
        self.number = number
        self.position = position
        self.mark = mark
        self.previousSegmentEnd = previousSegmentEnd
        entries = batches.map {
            Entry(log: $0.header.log, base: $0.header.baseOffset, length: UInt32($0.length))
        }
    }
}

extension GroupFrame.Entry {
    init(from reader: inout ByteReader) throws(ByteCodingError) {
        log = try reader.readLogIdentity()
        base = Offset(try reader.read())
        length = try reader.read()
        guard try reader.read(UInt32.self) == 0 else {
            throw ByteCodingError(.invalidValue(field: "reserved"), at: reader.offset)
        }
    }
}
