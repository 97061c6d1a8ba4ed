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
            let stamp = HybridStamp(rawValue: max(UInt64(place) + 2, id.time))
            _ = try writer.append(EventRecord(kind: .interaction, stamp: stamp, id: id, body: body))
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

    private typealias Entry = (log: LogIdentity, records: [EventRecord])

    /// A journal with one batch after the other, as mirrors may bring them.
    private static func journal(_ entries: [Entry]) async throws -> SteppedEnvironment {
        let stepped = SteppedEnvironment(seed: 1)
        let log = try SegmentLog.open(directory: "data", environment: stepped.environment)
        for entry in entries {
            var writer = OriginLogWriter(log: entry.log, epoch: Epoch(1))
            for record in entry.records { _ = try writer.append(record) }
            if let batch = try writer.seal() { try log.submit(batch) }
        }
        await log.close()
        return stepped
    }

    private static func log(_ region: UInt16, _ incarnation: UInt64) -> LogIdentity {
        LogIdentity(
            name: LogName(region: RegionNumber(region), topic: .userEvents, partition: PartitionID(5)),
            incarnation: Incarnation(incarnation << 16))
    }

    private static func opening(_ predecessor: OpeningRecord.Predecessor? = nil) -> EventRecord {
        EventRecord(
            kind: .opening, stamp: HybridStamp(rawValue: 1), id: EventID(time: 0, client: 0),
            body: OpeningRecord(predecessor: predecessor, applyVersion: 1).body)
    }

    private static func click(_ number: UInt64) -> EventRecord {
        EventRecord(kind: .interaction, stamp: HybridStamp(rawValue: id(number).time), id: id(number), body: body)
    }

    @Test func s1LogsAreFoldedInTheOrderInWhichTheyStandOnEachOther() async throws {
        // The newer incarnation came first: its opening stands on two records of the older one.
        let predecessor = OpeningRecord.Predecessor(incarnation: Incarnation(7 << 16), end: Offset(2), digest: .zero)
        let newer: Entry = (Self.log(1, 8), [Self.opening(predecessor), Self.click(3)])
        let older: Entry = (Self.log(1, 7), [Self.opening(), Self.click(1)])
        let stepped = try await Self.journal([newer, older])
        let fold = try JournalFold(directory: "data", files: stepped.files)
        #expect(fold.held.isEmpty)
        #expect(fold.occurrences.keys.sorted() == [Self.id(1), Self.id(3)])
        let torn = try await Self.journal([newer])
        let part = try JournalFold(directory: "data", files: torn.files)
        #expect(part.held == [Self.log(1, 8)])
        #expect(part.occurrences.isEmpty)
    }

    @Test func s5AnEventOfTwoRegionsCountsOnce() async throws {
        let stepped = try await Self.journal([
            (Self.log(1, 7), [Self.opening(), Self.click(1), Self.click(2)]),
            (Self.log(2, 7), [Self.opening(), Self.click(2), Self.click(3)]),
        ])
        let fold = try JournalFold(directory: "data", files: stepped.files, keepsReference: true)
        let reference = try #require(fold.reference)
        #expect(reference.events.count == 3)
        #expect(reference.copies == 1)
        #expect(reference.differences(from: fold.states).isEmpty)
        #expect(reference.surplus(of: fold.states) == 0)
        var verdict = DeploymentVerdict([1, 2, 2, 3].map { Acknowledgement(id: Self.id($0)) })
        verdict.onFold(fold, of: "aws-us", live: [5: DigestReport(fold).partitions[0].digest])
        #expect(verdict.holds, "\(verdict.text) \(verdict.complaints)")
        #expect(verdict.acknowledged == 3)
        // A state that counts an event twice is found, and so is one that counts fewer.
        let single = try JournalFold(
            directory: "data", files: try await Self.journal([Self.id(1)], body: Self.body).files, keepsReference: true)
        let small = try #require(single.reference)
        #expect(small.surplus(of: fold.states) == 2)
        #expect(small.differences(from: fold.states) == [PartitionID(5)])
        #expect(reference.surplus(of: single.states) == 0)
        #expect(reference.differences(from: single.states) == [PartitionID(5)])
    }

    @Test func s6AVerdictNamesWhatSomeRegionLacks() async throws {
        let all = try JournalFold(
            directory: "data",
            files: try await Self.journal([Self.id(1), Self.id(2), Self.id(3)], body: Self.body).files,
            keepsReference: true)
        let part = try JournalFold(
            directory: "data", files: try await Self.journal([Self.id(1)], body: Self.body).files, keepsReference: true)
        let acknowledged = [1, 2, 3, 4].map { Acknowledgement(id: Self.id($0)) }
        var verdict = DeploymentVerdict(acknowledged, excused: [Self.id(3), Self.id(4)])
        verdict.onFold(all, of: "aws-us", live: [:])
        verdict.onFold(part, of: "gcp-eu", live: [:])
        // The fourth is nowhere, as it may be; the third is torn: excused events are missing everywhere or nowhere.
        #expect(verdict.absent == [Self.id(4)])
        #expect(verdict.lost == [Self.id(2), Self.id(3)])
        #expect(!verdict.digestsEqual)
        #expect(!verdict.holds)
    }

    @Test func s10RegionsAreComparedAtEqualVectorsOnly() async throws {
        let one = DigestReport(
            try JournalFold(directory: "data", files: try await Self.journal([Self.id(1)], body: Self.body).files))
        var other = one
        other.partitions[0].vector[0].next += 1
        other.partitions[0].digest = String(repeating: "0", count: 32)
        var watch = ConvergenceWatch()
        #expect(!watch.isOver)
        watch.onReports([one, other])
        #expect(watch.open == [5] && watch.unequal.isEmpty)
        var liar = watch
        other.partitions[0].vector = one.partitions[0].vector
        liar.onReports([one, other])
        #expect(liar.unequal == [5] && liar.isOver && !liar.holds)
        watch.onReports([one, one])
        #expect(watch.holds)
        #expect(watch.digests == [5: one.partitions[0].digest])
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
