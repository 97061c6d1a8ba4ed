// `meridian log verify` on a real journal: a verdict, the keys of the interface, typed refusals.

import ClusterModel
import EventLog
import Foundation
import HostEnvironment
import NodeEnvironment
import SegmentLog
import SimulatedEnvironment
import Testing

@testable import OperatorCommands

@Suite struct LogCommandTests {
    private static func environment(_ pool: EventLoopPool) -> NodeEnvironment {
        NodeEnvironment(
            clock: HostClock(), entropy: HostEntropy(), executors: pool, files: HostFileStore(), links: NoLinks())
    }

    /// A closed journal of `count` records; removed afterwards.
    private static func withJournal(
        _ count: UInt64, of kind: RecordKind = .interaction, _ body: (String) throws -> Void
    ) async throws {
        let path = FileManager.default.temporaryDirectory.appending(path: "meridian-\(UUID().uuidString)").path
        defer { try? FileManager.default.removeItem(atPath: path) }  // the system empties its temporary folder anyway
        let pool = EventLoopPool(count: 1)
        let log = try SegmentLog.open(directory: path, environment: environment(pool))
        var writer = OriginLogWriter(
            log: LogIdentity(
                name: LogName(region: RegionNumber(1), topic: .userEvents, partition: PartitionID(5)),
                incarnation: Incarnation(7)), epoch: Epoch(1))
        for index in 0..<count {
            _ = try writer.append(
                EventRecord(
                    kind: kind, stamp: HybridStamp(rawValue: index), id: EventID(time: index, client: 1),
                    body: Array("body \(index)".utf8)))
            if let batch = try writer.seal() { try log.submit(batch) }
        }
        await log.close()
        try await pool.shutDown()
        try body(path)
    }

    @Test func aSoundLogVerifies() async throws {
        try await Self.withJournal(40) { path in
            let inspection = try LogInspection.read(path, files: HostFileStore())
            #expect(inspection.records == 40)
            #expect(inspection.corruptRanges.isEmpty)
            let text = LogVerifyCommand.answer(inspection).text
            for key in ["batches", "records", "corrupt_ranges", "cut_bytes", "head_digests"] {
                #expect(text.contains("\"\(key)\":"), "\(key)")
            }
        }
    }

    @Test func aDamagedLogIsReportedWithItsBytes() async throws {
        try await Self.withJournal(40) { path in
            let name = try #require(
                try FileManager.default.contentsOfDirectory(atPath: path).first { $0.hasSuffix(".segment") })
            let handle = try FileHandle(forUpdating: URL(filePath: "\(path)/\(name)"))
            try handle.seek(toOffset: 200)
            try handle.write(contentsOf: Data([0xff, 0x00, 0xff]))
            try handle.close()
            let inspection = try LogInspection.read(path, files: HostFileStore())
            let range = try #require(inspection.corruptRanges.first)
            #expect(range.bytes.contains(200))
            #expect(range.path.hasSuffix(name))
        }
    }

    /// The digests of what is left look like digests of all of it.
    @Test func aDigestOfADamagedLogIsAFailure() async throws {
        try await Self.withJournal(40, of: .timeMark) { path in
            let files = HostFileStore()
            try DigestCommand.check(try JournalFold(directory: path, files: files), of: path)
            let name = try #require(try files.list(path).first { $0.hasSuffix(".segment") })
            let file = try files.open("\(path)/\(name)", .readWrite)
            try file.write([0xff, 0x00, 0xff], at: 200)
            file.close()
            let fold = try JournalFold(directory: path, files: files)
            let failure = #expect(throws: OperatorFailure.self) { try DigestCommand.check(fold, of: path) }
            #expect(failure?.status == .doesNotHold && failure?.message.contains("CORRUPT") == true)
            #expect(failure?.message.contains(name) == true && failure?.nextStep.contains("log repair") == true)
        }
    }

    @Test func manyRangesAreAFewLinesWithTheRestCounted() {
        func range(_ number: Int, followsGap: Bool) -> CorruptRange {
            CorruptRange(path: "a", bytes: UInt64(number)..<UInt64(number + 1), reason: "r", followsGap: followsGap)
        }
        let ranges = (0..<3_000).map { range($0, followsGap: $0 > 1) }
        let lines = DamageLines.lines(ranges.reversed())
        #expect(lines.count == DamageLines.limit + 1)
        #expect(lines[0] == "CORRUPT a bytes 1..<2: r" && lines[1] == "CORRUPT a bytes 0..<1: r")
        #expect(lines.last == "\(3_000 - DamageLines.limit) more, all behind gaps; --json lists all")
        #expect(DamageLines.lines(Array(ranges.prefix(2))).count == 2)
    }

    @Test func aReaderThatHasGoneIsNoticed() throws {
        var ends: [Int32] = [0, 0]
        #expect(unsafe pipe(&ends) == 0)
        #expect(Console.hasReader(of: ends[1]))
        close(ends[0])
        #expect(!Console.hasReader(of: ends[1]))
        close(ends[1])
    }

    @Test func aDirectoryWithoutALogIsAUsageError() {
        #expect { try LogInspection.read("/nonexistent", files: HostFileStore()) } throws: {
            ($0 as? OperatorFailure)?.status == .usage
        }
    }

    @Test func aRunningNodesLogIsRefused() async throws {
        try await Self.withJournal(1) { path in
            let lock = try HostFileStore().lockExclusively("\(path)/lock")
            defer { lock.release() }
            #expect { try LogInspection.read(path, files: HostFileStore()) } throws: {
                ($0 as? OperatorFailure)?.status == .refused
            }
        }
    }
}
