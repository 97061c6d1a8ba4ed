// A7: numbers in a journal's files and names that no journal reaches do not verify, and trap nothing.

import ClusterModel
import EventLog
import NodeEnvironment
import SimulatedEnvironment
import Testing

@testable import SegmentLog

@Suite struct JournalNumberTests {
    private let disk = SimulatedFileStore()
    private let stepped: SteppedEnvironment

    init() { stepped = SteppedEnvironment(seed: 1, files: disk) }

    private func open() throws -> SegmentLog {
        try SegmentLog.open(
            directory: "data", environment: stepped.environment,
            limits: JournalLimits(segmentBytes: JournalLimits.minSegmentBytes))
    }

    private func write(_ bytes: [UInt8], to name: String) throws {
        let file = try disk.open("data/\(name)", .createOrReplace)
        try file.write(bytes, at: 0)
        try file.synchronizeData()
        file.close()
    }

    private static let log = LogIdentity(
        name: LogName(region: RegionNumber(1), topic: .userEvents, partition: PartitionID(0)),
        incarnation: Incarnation(7))

    private func batch() throws -> EncodedBatch {
        let record = EventRecord(
            kind: .timeMark, stamp: HybridStamp(rawValue: 1), id: EventID(time: 0, client: 0), body: [])
        return try EncodedBatch(
            sealing: [record], of: Self.log, epoch: Epoch(1), baseOffset: .zero, previousDigest: .zero)
    }

    @Test(
        "A7: a file whose name holds the last number traps no start",
        arguments: [
            "ffffffffffffffff.segment", "fffffffffffffffe.segment", "18446744073709551615.spare",
            "18446744073709551615.blank", "99999999999999999999.spare",
        ])
    func namesAtTheEnd(name: String) throws {
        try open().abandon()
        try write([0], to: name)
        let log = try open()
        try log.submit(try batch())
        stepped.clock.advance(by: .seconds(1))
        #expect(log.flushedEnd(of: Self.log) == Offset(1))
        log.abandon()
        let again = try open()
        #expect(again.flushedEnd(of: Self.log) == Offset(1))
        again.abandon()
    }

    @Test("A7: a mark of the last number does not verify", arguments: [UInt64.max, UInt64.max - 1, (1 << 62) + 1] as [UInt64])
    func marksAtTheEnd(number: UInt64) throws {
        let log = try open()
        try log.submit(try batch())
        log.abandon()
        for mark in [
            Mark(journal: log.journal, sequence: number, group: 1, isClean: true),
            Mark(journal: log.journal, sequence: 7, group: number, isClean: false),
        ] {
            try write(mark.encode() + mark.encode(), to: "marks")
            let again = try open()
            #expect(again.flushedEnd(of: Self.log) == Offset(1))
            again.abandon()
        }
    }

    @Test("A7: a frame that names the last number does not verify")
    func framesAtTheEnd() throws {
        let batches = [try batch()]
        func decodes(_ generation: UInt64, _ number: UInt64, _ mark: UInt64, _ end: UInt64) -> Bool {
            let frame = GroupFrame(
                journal: 5, generation: generation, number: number, position: 0, mark: mark, previousSegmentEnd: end,
                batches: batches)
            let bytes = frame.pieces(batches).pieces.flatMap { Array($0) }
            return GroupFrame.prefix(bytes[...]).flatMap { GroupFrame(decoding: bytes[...], prefix: $0) } != nil
        }
        #expect(decodes(1, 1, 0, 0) && decodes(1 << 62, 1 << 62, 1 << 62, 1 << 62))
        #expect(
            !decodes(.max, 1, 0, 0) && !decodes(1, .max, 0, 0) && !decodes(1, 1, .max, 0) && !decodes(1, 1, 0, .max))
    }
}
