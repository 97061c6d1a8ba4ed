// The clean stop's index in its two formats: golden bytes, computed from the byte tables by an independent program, and
// what a reader of format 2 makes of format 1.

import ClusterModel
import EventLog
import Testing

@testable import SegmentLog

@Suite struct ProducerIndexTests {
    private static let format1 = """
        4d5244582518d31401000000010000000100000000000000020000000000000003000000000000000400000000000000
        050000000000000006000000000000000100000000000000040000000000000001000100030000000700000000000000
        000000000000000000000000000000000000000000000000090000000000000000000000000000010000000000000002
        01000068e5cf8b0105000000000000000100000001000000000000000000000004000000000000000002000000000000
        090000000000000000000000000000010000000000000002
        """

    private static let format2 = """
        4d524458bfebf27402000000010000000100000000000000020000000000000003000000000000000400000000000000
        050000000000000006000000000000000100000000000000040000000000000001000100030000000700000000000000
        000000000000000000000000000000000000000000000000090000000000000000000000000000010000000000000002
        01000068e5cf8b0105000000000000000100000001000000000000000000000004000000000000000002000000000000
        090000000000000000000000000000010000000000000002010000000100010003000000010000000800000000000000
        020000000200000001000068e5cf8b010000000004000000070000000000000000000000000000000100000005000000
        07000000000000000400000000000000
        """

    private static func bytes(_ hex: String) -> [UInt8] {
        let digits = hex.compactMap(\.hexDigitValue)
        return stride(from: 0, to: digits.count - 1, by: 2).map { UInt8(digits[$0] << 4 | digits[$0 + 1]) }
    }

    private static let line = LogName(region: RegionNumber(1), topic: TopicID(1), partition: PartitionID(3))

    private static var producers: ProducerBook {
        var book = ProducerBook()
        for (sequence, base, count) in [(0, 0, 4), (1, 4, 5)] as [(UInt32, UInt64, UInt32)] {
            let stamp = HybridStamp(rawValue: 0x018b_cfe5_6800_0001)
            book.note(
                BatchHeader(
                    codec: .none, bodyCRC: 0, log: LogIdentity(name: line, incarnation: Incarnation(7)),
                    epoch: Epoch(5), baseOffset: Offset(base), count: count, bodyLength: 0, rawLength: 0,
                    firstStamp: stamp, lastStamp: stamp,
                    producer: BatchHeader.Producer(id: 8, epoch: 2, sequence: sequence), previousDigest: .zero))
        }
        return book
    }

    @Test func format2IsGolden() throws {
        let bytes = Self.bytes(Self.format2)
        let index = try #require(JournalIndex(decoding: bytes))
        #expect(index.producers == Self.producers)
        #expect(index.encode() == bytes)
    }

    /// A reader of version N reads N - 1: the same journal, in which no batch had a producer.
    @Test func format1IsRead() throws {
        let (old, new) = (
            try #require(JournalIndex(decoding: Self.bytes(Self.format1))),
            try #require(JournalIndex(decoding: Self.bytes(Self.format2)))
        )
        #expect(old.producers.isEmpty && !new.producers.isEmpty)
        #expect(old.table.summaries == new.table.summaries && old.segments == new.segments && old.tail == new.tail)
        #expect(old.table.summaries.first?.flushedEnd == Offset(9))
        var written = old
        written.producers = Self.producers
        #expect(written.encode() == Self.bytes(Self.format2))
    }

    @Test func formatsToComeAreNotBelieved() throws {
        var bytes = Self.bytes(Self.format2)
        bytes[8] = 3
        let crc = bytes.checksum(of: 8..<bytes.count)
        for place in 0..<4 { bytes[4 + place] = UInt8(truncatingIfNeeded: crc >> UInt32(8 * place)) }
        #expect(JournalIndex(decoding: bytes) == nil)
    }
}
