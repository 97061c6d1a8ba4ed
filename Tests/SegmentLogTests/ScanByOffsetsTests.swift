// A start goes by checksums, places and offsets; the chain is computed by `meridian log verify` (Decisions/0012).

import ClusterModel
import EventLog
import NodeEnvironment
import SimulatedEnvironment
import Testing

@testable import SegmentLog

@Suite struct ScanByOffsetsTests {
    private static func record(_ byte: UInt8, _ number: UInt64) -> EventRecord {
        EventRecord(
            kind: .interaction, stamp: HybridStamp(rawValue: number), id: EventID(time: 1, client: number),
            body: [UInt8](repeating: byte, count: 40))
    }

    /// Three batches of one log, closed; the writer knows the digest at the end.
    private static func journal(
        _ stepped: SteppedEnvironment, _ limits: JournalLimits = JournalLimits()
    ) throws -> (log: SegmentLog, writer: OriginLogWriter) {
        let log = try SegmentLog.open(
            directory: JournalHarness.directory, environment: stepped.environment, limits: limits)
        var writer = OriginLogWriter(log: JournalHarness.identity(0, incarnation: 1), epoch: Epoch(1))
        for number in 0..<3 as Range<UInt64> {
            _ = try writer.append(record(7, number))
            if let batch = try writer.seal(compressing: false) { try log.submit(batch) }
        }
        return (log, writer)
    }

    @Test("S1, S8: the digests at the ends, and at the batches before them, are those that were written")
    func digestsAreKnownAfterAStart() async throws {
        let stepped = SteppedEnvironment(seed: 1)
        let (log, writer) = try Self.journal(stepped)
        let before = (0...3 as ClosedRange<UInt64>).map { log.chainDigest(of: writer.log, at: Offset($0)) }
        await log.close()
        let again = try SegmentLog.open(directory: JournalHarness.directory, environment: stepped.environment)
        #expect(again.summary(of: writer.log)?.endDigest == writer.chainDigest)
        #expect((0...3).map { again.chainDigest(of: writer.log, at: Offset($0)) } == before)
        #expect(!before.contains(nil))
    }

    @Test("S8: another chain's batch with right checksums passes a start, and not the verification")
    func aForgedBatchIsFoundByTheVerification() async throws {
        let stepped = SteppedEnvironment(seed: 2)
        let (log, writer) = try Self.journal(stepped)
        await log.close()
        let forged = try EncodedBatch(
            sealing: [Self.record(8, 0)], of: writer.log, epoch: Epoch(1), baseOffset: .zero, previousDigest: .zero,
            compressing: false)
        let path = log.directory.segmentPath(1)
        let file = try stepped.files.open(path, .readWrite)
        try file.write(forged.bytes, at: UInt64(GroupFrame.headerLength + GroupFrame.entryLength))
        try file.synchronizeData()
        let inspection = try JournalInspection(directory: JournalHarness.directory, files: stepped.files)
        #expect(!inspection.corruptRanges.isEmpty)
        let again = try SegmentLog.open(directory: JournalHarness.directory, environment: stepped.environment)
        #expect(again.recovered.corruptRanges.isEmpty)
        #expect(again.summary(of: writer.log)?.endDigest == writer.chainDigest)
    }

    @Test("S7: with a mark before each ack no start doubts what was acknowledged", arguments: [false, true])
    func marksBeforeAcksLeaveNoDoubt(marksBeforeAck: Bool) throws {
        let stepped = SteppedEnvironment(seed: 3)
        let (log, writer) = try Self.journal(stepped, JournalLimits(marksBeforeAck: marksBeforeAck))
        #expect(log.flushedEnd(of: writer.log) == writer.nextOffset)
        stepped.files.releaseLocks()
        let again = try SegmentLog.open(directory: JournalHarness.directory, environment: stepped.environment)
        #expect(again.recovered.batches == 3)
        #expect(again.recovered.rewrittenBatches == (marksBeforeAck ? 0 : 1))
    }
}
