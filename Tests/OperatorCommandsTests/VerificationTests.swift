// What a run is compared with: the fold of a log (S10), acknowledged ids (S5, S6), digests.

import ClusterModel
import EventLog
import NodeEnvironment
import SegmentLog
import SimulatedEnvironment
import Testing

@testable import OperatorCommands

@Suite struct VerificationTests {
    /// A closed journal with an interaction an id, in partition 5 of a region.
    private static func journal(_ ids: [EventID], body: [UInt8]) async throws -> SteppedEnvironment {
        let stepped = SteppedEnvironment(seed: 1)
        let log = try SegmentLog.open(directory: "data", environment: stepped.environment)
        let identity = LogIdentity(
            name: LogName(region: RegionNumber(1), topic: .userEvents, partition: PartitionID(5)),
            incarnation: Incarnation(7 << 16))
        var writer = OriginLogWriter(log: identity, epoch: Epoch(1))
        _ = try writer.append(
            EventRecord(
                kind: .opening, stamp: HybridStamp(rawValue: 1), id: EventID(time: 0, client: 0),
                body: OpeningRecord(predecessor: nil, applyVersion: 1).body))
        for (place, id) in ids.enumerated() {
            _ = try writer.append(
                EventRecord(kind: .interaction, stamp: HybridStamp(rawValue: UInt64(place) + 2), id: id, body: body))
        }
        if let batch = try writer.seal() { try log.submit(batch) }
        await log.close()
        return stepped
    }

    private static let body: [UInt8] = {
        var writer = ByteWriter()
        writer.write(UserKey(userID: "ann").digest)
        writer.write(UInt8(2))
        writer.write("content")
        writer.write(Digest128.zero)
        writer.write(UInt16(0))
        writer.write(UInt8(0))
        writer.write(UInt32(0))
        writer.write(UInt64(1_700_000_000_000))
        writer.write(UInt8(0))
        return writer.bytes
    }()

    private static func id(_ number: UInt64) -> EventID {
        EventID(at: WallTime(milliseconds: 1_700_000_000_000 + number), sequence: 0, client: 3)
    }

    @Test func s6LostAndDuplicatedIDsAreFound() async throws {
        let stepped = try await Self.journal([Self.id(1), Self.id(2), Self.id(2), Self.id(4)], body: Self.body)
        let fold = try JournalFold(directory: "data", files: stepped.files)
        #expect(DigestReport(fold).partitions.map(\.users) == [1])
        #expect(fold.occurrences.count == 3)
        #expect(AcknowledgementCheck([Self.id(1), Self.id(4), Self.id(4)], in: fold).holds)
        let check = AcknowledgementCheck([Self.id(1), Self.id(2), Self.id(3)], in: fold)
        #expect(check.lost == [Self.id(3)])
        #expect(check.duplicated == [Self.id(2)])
        #expect(check.text.contains("1 of 3 acknowledged events LOST"))
    }

    @Test func s10ARecordThatCannotBeFoldedIsAVerdict() async throws {
        let stepped = try await Self.journal([Self.id(1)], body: [1, 2, 3])
        #expect { try JournalFold(directory: "data", files: stepped.files) } throws: {
            ($0 as? OperatorFailure)?.status == .doesNotHold
        }
    }

    @Test func s10DigestsDifferByPartitionAndVersion() async throws {
        let one = DigestReport(
            try JournalFold(directory: "data", files: try await Self.journal([Self.id(1)], body: Self.body).files))
        let two = DigestReport(
            try JournalFold(
                directory: "data", files: try await Self.journal([Self.id(1), Self.id(2)], body: Self.body).files))
        #expect(one.differences(from: one).isEmpty)
        #expect(one.differences(from: two) == [5])
        var newer = one
        newer.partitions[0].applyVersion += 1
        #expect(one.differences(from: newer) == [5])
        newer.partitions = []
        #expect(one.differences(from: newer) == [5])
        #expect(newer.differences(from: one) == [5])
        for key in ["regions", "partitions", "partition", "vector", "digest"] {
            #expect(one.answer.text.contains("\"\(key)\":"), "\(key)")
        }
    }

    @Test(arguments: [
        ("a\tTitle\ten\tnews\n\nb\tOther\r\n", 2), ("", 0), ("one field\n", nil), ("\tno id\n", nil),
        ("a\tb\tc\td\te\n", nil),
    ])
    func itemFilesAreReadOrTheirLineIsNamed(text: String, count: Int?) throws {
        let stepped = SteppedEnvironment(seed: 1)
        let file = try stepped.files.open("items", .createNew)
        try file.write(Array(text.utf8), at: 0)
        file.close()
        let read = { try ItemFile.read("items", files: stepped.files, publishedAt: WallTime(milliseconds: 5)) }
        guard let count else {
            #expect { try read() } throws: { "\($0)".contains("items:1:") }
            return
        }
        let items = try read()
        #expect(items.count == count)
    }
}
