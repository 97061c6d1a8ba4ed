// The real file store and the journal on it.

import ClusterModel
import EventLog
import Foundation
import HostEnvironment
import NodeEnvironment
import SegmentLog
import SimulatedEnvironment
import Testing

@Suite struct HostFileStoreTests {
    private static func withDirectory<T>(_ body: (String) async throws -> T) async throws -> T {
        let path = FileManager.default.temporaryDirectory.appending(path: "meridian-\(UUID().uuidString)").path
        defer { try? FileManager.default.removeItem(atPath: path) }  // the system empties its temporary folder anyway
        return try await body(path)
    }

    /// A pipe without a writer held its reader for ever.
    @Test func whatIsNoFileIsRefusedAtOnceAndByName() async throws {
        try await Self.withDirectory { path in
            let files = HostFileStore()
            try files.createDirectory(path)
            #expect(mkfifo("\(path)/pipe", 0o600) == 0)
            let file = try files.open("\(path)/file", .createNew)
            file.close()
            #expect(symlink("\(path)/loop", "\(path)/loop") == 0)
            for (name, code) in [
                ("pipe", FileError.Code.notAFile), ("", .isDirectory), ("file/inside", .notADirectory),
                ("loop", .linkLoop), (String(repeating: "x", count: 300), .nameTooLong),
            ] {
                #expect { try files.open("\(path)/\(name)", .read) } throws: { ($0 as? FileError)?.code == code }
            }
            #expect(throws: Never.self) { try files.open("/dev/null", .read).close() }
        }
    }

    @Test func modesAndWholePathsAreTold() async throws {
        try await Self.withDirectory { path in
            let files = HostFileStore()
            try files.createDirectory(path)
            try files.open("\(path)/file", .createNew).close()
            #expect(try files.permissions(of: "\(path)/file") == 0o600)
            #expect(chmod("\(path)/file", 0o644) == 0)
            #expect(try files.permissions(of: "\(path)/file") == 0o644)
            let owner = files.owner(of: path)
            #expect(owner?.owner == owner?.process && owner?.owner.isEmpty == false)
            #expect(files.owner(of: "\(path)/none") == nil)
            #expect(files.absolutePath(of: path) == path)
            #expect(files.absolutePath(of: "certs/ca.pem").hasSuffix("/certs/ca.pem"))
            #expect(files.absolutePath(of: "certs/ca.pem").hasPrefix("/"))
        }
    }

    @Test func filesReadBackAndErrorsAreTyped() async throws {
        try await Self.withDirectory { path in
            let files = HostFileStore()
            try files.createDirectory("\(path)/a/b")
            let file = try files.open("\(path)/a/b/file", .createNew)
            try file.reserve(length: 4_096)
            try file.write(Array("meridian".utf8), at: 100)
            try file.synchronizeData()
            #expect(try file.read(at: 100, count: 8) == Array("meridian".utf8))
            #expect(try file.read(at: 4_090, count: 100).count == 6)
            #expect(try file.length() == 4_096)
            #expect(try files.list("\(path)/a/b") == ["file"])
            #expect { try files.open("\(path)/none", .read) } throws: { ($0 as? FileError)?.code == .notFound }
            #expect { try files.open("\(path)/a/b/file", .createNew) } throws: {
                ($0 as? FileError)?.code == .alreadyExists
            }
            let lock = try files.lockExclusively("\(path)/lock")
            #expect { try files.lockExclusively("\(path)/lock") } throws: { ($0 as? FileError)?.code == .locked }
            lock.release()
            #expect(throws: Never.self) { try files.lockExclusively("\(path)/lock").release() }
        }
    }

    /// More pieces than one system call takes, and empty ones among them.
    @Test func piecesAreWrittenBehindEachOther() async throws {
        try await Self.withDirectory { path in
            let files = HostFileStore()
            try files.createDirectory(path)
            let file = try files.open("\(path)/file", .createNew)
            let pieces = (0..<3_000).map { number in
                [UInt8](repeating: UInt8(truncatingIfNeeded: number), count: number % 7)[...]
            }
            try file.write(pieces, at: 5)
            let expected = pieces.flatMap { $0 }
            #expect(try file.read(at: 5, count: 100_000) == expected)
            #expect(try file.read(at: 105, count: 50, behind: expected[40..<100]) == Array(expected[40..<150]))
            #expect(try file.read(at: 105, count: 100_000, behind: expected[..<100]) == expected)
        }
    }

    /// S1, S6: a journal on the real disk, its directory copied, and the copy known as one.
    @Test func aJournalOnTheRealDiskReopensAndKnowsItsCopy() async throws {
        try await Self.withDirectory { path in
            let pool = EventLoopPool(count: 1)
            let environment = NodeEnvironment(
                clock: HostClock(), entropy: HostEntropy(), executors: pool, files: HostFileStore(), links: NoLinks())
            let log = try SegmentLog.open(directory: path, environment: environment)
            var writer = OriginLogWriter(
                log: LogIdentity(
                    name: LogName(region: RegionNumber(1), topic: .userEvents, partition: PartitionID(0)),
                    incarnation: Incarnation(1)), epoch: Epoch(1))
            for index in 0..<100 as Range<UInt64> {
                _ = try writer.append(
                    EventRecord(
                        kind: .interaction, stamp: HybridStamp(rawValue: index), id: EventID(time: index, client: 1),
                        body: [1, 2, 3]))
                if let batch = try writer.seal() { try log.submit(batch) }
            }
            await log.close()
            #expect(log.flushedEnd(of: writer.log) == Offset(100))
            let copy = path + "-copy"
            try FileManager.default.copyItem(atPath: path, toPath: copy)
            defer { try? FileManager.default.removeItem(atPath: copy) }  // as above
            var records = 0
            let original = try SegmentLog.open(directory: path, environment: environment) {
                records += try $0.records().count
            }
            #expect(records == 100)
            #expect(original.recovered.wasCleanStop && !original.recovered.isCopy)
            let copied = try SegmentLog.open(directory: copy, environment: environment)
            #expect(copied.recovered.isCopy)
            await original.close()
            await copied.close()
            try await pool.shutDown()
        }
    }
}
