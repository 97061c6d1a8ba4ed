// `meridian log repair` and `dump` on journals in memory: what heals, what is asked for, what people are told.

import ClusterModel
import EventLog
import NodeEnvironment
import SegmentLog
import SimulatedEnvironment
import Testing

@testable import OperatorCommands

@Suite struct JournalMendingTests {
    /// A stopped journal of several segments of one log, and every batch of it.
    private struct Fixture {
        let files = SimulatedFileStore()
        var batches: [EncodedBatch] = []

        init() async throws {
            let stepped = SteppedEnvironment(seed: 1, files: files)
            let log = try SegmentLog.open(
                directory: "journal", environment: stepped.environment,
                limits: JournalLimits(segmentBytes: JournalLimits.minSegmentBytes))
            let identity = LogIdentity(
                name: LogName(region: RegionNumber(1), topic: .userEvents, partition: PartitionID(5)),
                incarnation: Incarnation(0xabc))
            var writer = OriginLogWriter(log: identity, epoch: Epoch(1))
            for index in 0..<24 as Range<UInt64> {
                _ = try writer.append(
                    EventRecord(
                        kind: .interaction, stamp: HybridStamp(rawValue: index << 16),
                        id: EventID(time: index, client: 1),
                        body: [UInt8](repeating: UInt8(index), count: 1_000_000)))
                let batch = try #require(try writer.seal(compressing: false))
                try log.submit(batch)
                batches.append(batch)
            }
            await log.close()
        }

        var segments: [String] { files.paths().filter { $0.hasSuffix(".segment") } }

        /// Flips a bit in the middle of a batch of a segment, counted from 0.
        func damage(_ segment: Int, batch: Int) {
            files.flipBit(of: segments[segment], byte: batch * 1_000_448 + 500_000, bit: 3)
        }

        func mend(_ holder: [EncodedBatch]?) async throws -> [MendedSegment] {
            let journal = try JournalRepair(directory: "journal", files: files)
            defer { journal.release() }
            guard let holder else { return try await JournalMending(journal, fetch: nil).run() }
            return try await JournalMending(journal) { need in
                let found = need.select(from: holder)
                return need.isMet(by: found) ? found : nil
            }.run()
        }
    }

    @Test("S7: what another holder has heals everything; a second run finds nothing")
    func heals() async throws {
        let fixture = try await Fixture()
        #expect(fixture.segments.count == 3)
        fixture.damage(0, batch: 3)
        fixture.damage(1, batch: 0)
        fixture.damage(2, batch: 5)
        let mended = try await fixture.mend(fixture.batches)
        #expect(mended.count == 3 && mended.allSatisfy(\.isWhole), "\(mended)")
        let answer = RepairAnswer(mended, directory: "journal", isAsking: true)
        #expect(answer.isWhole && answer.text.contains("REPAIRED") && answer.json.text.contains("\"whole\":true"))
        #expect(try await fixture.mend(fixture.batches).isEmpty)
        #expect(RepairAnswer([], directory: "journal", isAsking: true).text == "journal: every byte verifies")
    }

    @Test("S8: a stretch over the end of one segment and the beginning of the next heals in both")
    func healsOverABoundary() async throws {
        let fixture = try await Fixture()
        fixture.damage(0, batch: 8)
        fixture.damage(1, batch: 0)
        let mended = try await fixture.mend(fixture.batches)
        #expect(mended.count == 2 && mended.allSatisfy(\.isWhole), "\(mended)")
    }

    @Test("Without a holder nothing changes, and the need and the next step are named")
    func names() async throws {
        let fixture = try await Fixture()
        fixture.damage(1, batch: 2)
        let mended = try await fixture.mend(nil)
        let segment = try #require(mended.first)
        #expect(mended.count == 1 && !segment.isWhole && segment.path == fixture.segments[1])
        #expect(segment.damage.count == 1 && segment.needs.count == 1)
        let text = RepairAnswer(mended, directory: "journal", isAsking: false).text
        #expect(text.contains("needs 1/1/5@abc offsets 11..<12") && text.contains("--config"), "\(text)")
        // A holder that has only what comes before it gives nothing.
        let again = try await fixture.mend(Array(fixture.batches.prefix(11)))
        #expect(again.first?.needs == segment.needs && again.first?.isWhole == false)
        #expect(RepairAnswer(again, directory: "journal", isAsking: true).text.contains("--from"))
    }

    @Test(
        "A dump shows marks, segments and batches; records only on demand, bodies only by --bodies, as many as allowed")
    func dumps() async throws {
        let fixture = try await Fixture()
        func lines(records: Bool = false, bodies: Bool = false, limit: Int = 100) throws -> ([DumpLine], DumpLines) {
            var dump = DumpLines(
                frames: false, records: records, bodies: bodies, offsets: .zero..<Offset(.max), limit: limit)
            var lines: [DumpLine] = []
            try JournalDump.read(directory: "journal", files: fixture.files) { item in
                lines += dump.take(item)
                return !dump.isCut
            }
            return (lines, dump)
        }
        let plain = try lines()
        #expect(plain.0.count == 2 + 3 + 24 && !plain.1.isCut && !plain.1.hasDamage)
        #expect(plain.0.contains { $0.text.contains("clean stop") })
        let records = try lines(records: true)
        #expect(records.0.count == 2 + 3 + 48)
        #expect(!records.0.contains { $0.json.text.contains("\"body\":") })
        #expect(try lines(records: true, bodies: true, limit: 2).0.last?.json.text.contains("\"body\":\"0000") == true)
        let cut = try lines(limit: 10)
        #expect(cut.1.isCut && cut.0.count { $0.text.contains("batch") } == 10)
        fixture.damage(1, batch: 2)
        #expect(try lines().1.hasDamage)
    }

    @Test func logsAreNamedAsTheyArePrinted() throws {
        let log = LogIdentity(
            name: LogName(region: RegionNumber(3), topic: .content, partition: PartitionID(9)),
            incarnation: Incarnation(0x18bc_fe56_8000))
        #expect(try LogPattern(log.description).matches(log))
        #expect(try LogPattern("3/2/9").matches(log))
        #expect(try !LogPattern("3/2/9@1").matches(log))
        #expect(try !LogPattern("3/2/8").matches(log))
        for text in ["", "3/2", "3/2/9@", "3/2/9@xyz", "a/b/c", "3/2/9/1", "70000/1/1"] {
            #expect(throws: OperatorFailure.self, "\(text)") { try LogPattern(text) }
        }
    }
}
