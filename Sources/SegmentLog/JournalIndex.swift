// The index of a clean stop: what a scan of the whole journal would find, so that the next start need not scan. The file
// "index-GGGGGGGGGGGGGGGG.clean", written and synced before the clean mark, of which it bears the sequence and the group. It
// counts only while exactly that mark is the newest: any append comes after a newer mark.
//
// | bytes | field                                                                                     |
// |-------|-------------------------------------------------------------------------------------------|
// | 0-3   | magic "MRDX"                                                                              |
// | 4-7   | CRC32C over bytes 8 to the end                                                            |
// | 8-11  | format, 2; 1 is read too                                                                  |
// | 12-15 | number of logs                                                                            |
// | 16-23 | journal id                                                                                |
// | 24-31 | sequence of the clean mark                                                                |
// | 32-39 | the last group, as in that mark                                                           |
// | 40-47 | the last segment generation that is used                                                  |
// | 48-55 | where its groups end                                                                      |
// | 56-63 | number of batches, over all logs                                                          |
// | 64-67 | number of segments                                                                        |
// | 68-71 | zero                                                                                      |
// | 72-   | the segments' generations, u64 each, ascending                                            |
// | then  | a log 88 bytes, ascending: region u16, topic u16, partition u32, incarnation u64,        |
// |       | base u64 and the chain digest there, end u64 and the chain digest there, last stamp u64,  |
// |       | epoch u64, number of index entries u32, number of boundaries u32; behind it               |
// |       | the index entries: base u64, generation u64, position u64,                                |
// |       | and the boundaries: end u64, chain digest (16 bytes)                                      |
// | then  | the producers of all lines (ProducerBook); not in format 1, which knew none               |
//
// Integers are little-endian, digests big-endian. An index is valid when magic, CRC, format and lengths are right.

import ClusterModel
import DequeModule
import EventLog

/// Where a journal ends.
struct JournalTail: Hashable, Sendable {
    var generation: UInt64
    var end: UInt64
    var group: UInt64
}

struct JournalIndex: Sendable {
    var journal: UInt64
    /// Of the clean mark.
    var sequence: UInt64
    var tail: JournalTail
    var segments: [UInt64]
    var table: LogTable
    var producers: ProducerBook

    /// A longer one is neither written nor read: such a journal is scanned.
    static let maxLength = 256 << 20
    private static let magic: UInt32 = 0x5844_524d  // "MRDX"
    private static let format: UInt32 = 2
    private static let formatWithoutProducers: UInt32 = 1
    private static let headerLength = 72
    private static let logLength = 88
    private static let partLength = 24

    init(
        journal: UInt64, sequence: UInt64, tail: JournalTail, segments: [UInt64], table: LogTable,
        producers: ProducerBook
    ) {
        self.producers = producers
        self.journal = journal
        self.sequence = sequence
        self.tail = tail
        self.segments = segments
        self.table = table
    }

    /// Whether it says what a scan would find, given the newest mark.
    func belongs(to mark: Mark) -> Bool {
        mark.isClean && mark.journal == journal && mark.sequence == sequence && mark.group == tail.group
    }

    /// Complexity: O(bytes).
    func encode() -> [UInt8] {
        let summaries = table.summaries
        let parts = summaries.reduce(0) { sum, summary in
            sum + (table[summary.log].map { $0.index.count + $0.boundaries.count } ?? 0)
        }
        var writer = ByteWriter(
            reservingCapacity: Self.headerLength + segments.count * 8 + summaries.count * Self.logLength
                + parts * Self.partLength)
        writer.write(Self.magic)
        writer.write(UInt32(0))
        writer.write(Self.format)
        writer.write(UInt32(summaries.count))
        for word in [journal, sequence, tail.group, tail.generation, tail.end, UInt64(table.batches)] {
            writer.write(word)
        }
        writer.write(UInt32(segments.count))
        writer.write(UInt32(0))
        for generation in segments { writer.write(generation) }
        for summary in summaries {
            if let entry = table[summary.log] { Self.encode(summary, entry, into: &writer) }
        }
        producers.encode(into: &writer)
        writer.overwrite(writer.checksum(of: 8..<writer.count), at: 4)
        return writer.bytes
    }

    private static func encode(_ summary: LogSummary, _ entry: LogTable.Entry, into writer: inout ByteWriter) {
        writer.write(summary.log)
        writer.write(summary.base.rawValue)
        writer.write(summary.baseDigest)
        writer.write(entry.end.rawValue)
        writer.write(entry.digest)
        writer.write(entry.lastStamp.rawValue)
        writer.write(entry.epoch.rawValue)
        writer.write(UInt32(entry.index.count))
        writer.write(UInt32(entry.boundaries.count))
        for item in entry.index {
            writer.write(item.base.rawValue)
            writer.write(item.place.generation)
            writer.write(item.place.position)
        }
        for item in entry.boundaries {
            writer.write(item.end.rawValue)
            writer.write(item.digest)
        }
    }

    /// Whether magic, checksum and format are right: what a writer asks of what it reads back.
    static func isSound(_ bytes: [UInt8]) -> Bool {
        guard bytes.count >= headerLength else { return false }
        var reader = ByteReader(bytes)
        do {
            return try reader.read(UInt32.self) == magic
                && reader.read(UInt32.self) == bytes.checksum(of: 8..<bytes.count)
                && reader.read(UInt32.self) == format
        } catch {
            return false
        }
    }

    /// Nil where the bytes do not verify. Counts are bounded by the bytes that are there before anything is allocated.
    init?(decoding bytes: [UInt8]) {
        guard bytes.count >= Self.headerLength, bytes.count <= Self.maxLength else { return nil }
        var reader = ByteReader(bytes)
        do {
            guard try reader.read(UInt32.self) == Self.magic,
                try reader.read(UInt32.self) == bytes.checksum(of: 8..<bytes.count)
            else { return nil }
            let format: UInt32 = try reader.read()
            guard (Self.formatWithoutProducers...Self.format).contains(format) else { return nil }
            let logs = Int(try reader.read(UInt32.self))
            journal = try reader.read()
            sequence = try reader.read()
            let group = try reader.read(UInt64.self)
            tail = JournalTail(generation: try reader.read(), end: try reader.read(), group: group)
            guard max(sequence, group, tail.generation, tail.end) <= JournalLimits.lastNumber else { return nil }
            let batches = try reader.read(UInt64.self)
            let count = Int(try reader.read(UInt32.self))
            guard try reader.read(UInt32.self) == 0,
                count * 8 + logs * Self.logLength <= bytes.count - Self.headerLength
            else { return nil }
            segments = []
            for _ in 0..<count { segments.append(try reader.read()) }
            guard segments.allSatisfy({ $0 <= JournalLimits.lastNumber }) else { return nil }
            var entries: [LogIdentity: LogTable.Entry] = [:]
            for _ in 0..<logs {
                guard let (log, entry) = try Self.decode(&reader, of: bytes.count) else { return nil }
                entries[log] = entry
            }
            producers =
                format == Self.formatWithoutProducers ? ProducerBook() : try ProducerBook(from: &reader)
            try reader.expectEnd()
            guard entries.count == logs else { return nil }
            table = LogTable(entries, batches: Int(clamping: batches))
        } catch {
            return nil
        }
    }

    private static func decode(
        _ reader: inout ByteReader, of length: Int
    ) throws(ByteCodingError) -> (LogIdentity, LogTable.Entry)? {
        let log = try reader.readLogIdentity()
        var entry = LogTable.Entry()
        entry.base = Offset(try reader.read())
        entry.baseDigest = try reader.readDigest()
        entry.end = Offset(try reader.read())
        guard entry.base <= entry.end else { return nil }
        entry.digest = try reader.readDigest()
        entry.lastStamp = HybridStamp(rawValue: try reader.read())
        entry.epoch = Epoch(try reader.read())
        let places = Int(try reader.read(UInt32.self))
        let boundaries = Int(try reader.read(UInt32.self))
        guard (places + boundaries) * partLength <= length - reader.offset else { return nil }
        entry.index.reserveCapacity(places)
        for _ in 0..<places {
            let base = Offset(try reader.read())
            let place = JournalPlace(generation: try reader.read(), position: try reader.read())
            guard max(place.generation, place.position) <= JournalLimits.lastNumber else { return nil }
            entry.index.append((base, place))
        }
        for _ in 0..<boundaries {
            let end = Offset(try reader.read())
            entry.boundaries.append((end, try reader.readDigest()))
        }
        return (log, entry)
    }
}
