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
    private static func withJournal(_ count: UInt64, _ body: (String) throws -> Void) async throws {
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
                    kind: .interaction, stamp: HybridStamp(rawValue: index), id: EventID(time: index, client: 1),
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
