// Logs that go on from a base of another member's snapshot (S5): durable before it is known, found by every kind of start.

import ClusterModel
import EventLog
import NodeEnvironment
import SimulatedEnvironment
import Synchronization
import Testing

@testable import SegmentLog

@Suite struct AdoptedBaseTests {
    /// A log of another region, as some member holds it.
    private static func chain(_ count: Int) throws -> [EncodedBatch] {
        var writer = OriginLogWriter(log: JournalHarness.identity(9, incarnation: 5), epoch: Epoch(3))
        return try (0..<count).map { index in
            for part in 0..<2 {
                _ = try writer.append(
                    EventRecord(
                        kind: .interaction, stamp: HybridStamp(rawValue: UInt64(10 * index + part + 1)),
                        id: EventID(time: UInt64(index), client: UInt64(part)), body: [UInt8](repeating: 7, count: 900))
                )
            }
            return try #require(try writer.seal(compressing: false))
        }
    }

    private static func base(behind batch: EncodedBatch) -> LogBase {
        LogBase(
            log: batch.header.log, offset: batch.endOffset, digest: batch.chainDigest,
            lastStamp: batch.header.lastStamp, epoch: batch.header.epoch)
    }

    @Test("S5: an empty log goes on from the base, and only with what extends it; a restart of either kind finds that")
    func emptyLog() async throws {
        let chain = try Self.chain(8)
        var journal = try TrimmedJournal(seed: 31)
        try journal.append(4)
        let base = Self.base(behind: chain[3])
        try journal.log.adopt([base])
        let summary = try #require(journal.log.summary(of: base.log))
        #expect(summary.base == base.offset && summary.flushedEnd == base.offset)
        #expect(summary.baseDigest == base.digest && summary.endDigest == base.digest)
        #expect(journal.log.chainDigest(of: base.log, at: base.offset) == base.digest)
        #expect(throws: EventLogError.self) { try journal.log.submit(chain[0]) }
        #expect(throws: EventLogError.self) { try journal.log.submit(chain[5]) }
        try journal.reopenScanning()
        #expect(journal.log.summary(of: base.log) == summary)
        for batch in chain[4...] { try journal.log.submit(batch) }
        #expect(try journal.log.read(base.log, from: base.offset, maxBytes: .max) == Array(chain[4...]))
        #expect { try journal.log.read(base.log, from: .zero, maxBytes: 1) } throws: { error in
            (error as? EventLogError)?.firstAvailable == base.offset
        }
        let summaries = journal.log.logs()
        await journal.log.close()
        try journal.reopen()
        #expect(journal.log.recovered.wasCleanStop && journal.log.logs() == summaries)
        #expect(try journal.log.read(base.log, from: base.offset, maxBytes: .max) == Array(chain[4...]))
        #expect(try journal.readsBack(), "the other logs are as they were")
        await journal.log.close()
        let found = try JournalInspection(directory: TrimmedJournal.directory, files: journal.stepped.files)
        #expect(found.corruptRanges.isEmpty && found.logs == summaries)
    }

    @Test("S5: of a log that ends before the base nothing is known any more, whichever start looks at its bytes")
    func shorterLog() async throws {
        let chain = try Self.chain(8)
        var journal = try TrimmedJournal(seed: 32)
        for batch in chain[..<3] { try journal.log.submit(batch) }
        let base = Self.base(behind: chain[5])
        try journal.log.adopt([base])
        #expect(journal.log.recent(base.log, from: .zero, maxBytes: 1) == nil)
        for batch in chain[6...] { try journal.log.submit(batch) }
        for isClean in [false, true] {
            if isClean { await journal.log.close() }
            if isClean { try journal.reopen() } else { try journal.reopenScanning() }
            #expect(journal.log.recovered.corruptRanges.isEmpty)
            #expect(journal.log.summary(of: base.log)?.base == base.offset)
            #expect(try journal.log.read(base.log, from: base.offset, maxBytes: .max) == Array(chain[6...]))
        }
        try journal.append(20)
        let inputs = journal.inputs { $0.floors[base.log] = .open }
        #expect(try journal.log.trim(inputs).removedSegments > 0, "its old bytes hold nothing")
        await journal.log.close()
    }

    @Test("S5: a log that reaches the base, or will, is left as it is")
    func longerLog() async throws {
        let chain = try Self.chain(4)
        let journal = try TrimmedJournal(seed: 33)
        for batch in chain { try journal.log.submit(batch) }
        for batch in chain {
            try journal.log.adopt([Self.base(behind: batch)])
            #expect(journal.log.summary(of: batch.header.log)?.base == .zero)
        }
        #expect(try journal.log.read(chain[0].header.log, from: .zero, maxBytes: .max) == chain)
        await journal.log.close()
    }

    @Test("S1b: power cut at any file operation of an adoption leaves the log as before it, or after it")
    func powerCuts() throws {
        let chain = try Self.chain(6)
        let base = Self.base(behind: chain[4])
        var seen: Set<Offset> = []
        for cut in 0..<16 {
            let files = SimulatedFileStore()
            let failing = CuttingFiles(files)
            var journal = try TrimmedJournal(seed: 34, files: files) { _ in failing }
            for batch in chain[..<2] { try journal.log.submit(batch) }
            failing.cut(after: cut)
            // It may or may not come through.
            try? journal.log.adopt([base])
            failing.cut(after: .max)
            journal.log.abandon()
            var generator = SeededGenerator(seed: UInt64(cut))
            files.crash(using: &generator)
            try journal.reopen()
            let summary = try #require(journal.log.summary(of: base.log))
            seen.insert(summary.base)
            #expect(summary.base == .zero && summary.flushedEnd == chain[1].endOffset || summary.base == base.offset)
            try journal.log.adopt([base])
            try journal.log.submit(chain[5])
            #expect(try journal.log.read(base.log, from: base.offset, maxBytes: 1) == [chain[5]])
            journal.log.abandon()
        }
        #expect(seen == [.zero, base.offset])
    }

    @Test("S8: a segment is appended to for so long only, so that what it holds is of one time")
    func age() async throws {
        let stepped = SteppedEnvironment(seed: 36)
        var limits = TrimmedJournal.limits
        limits.segmentAge = .seconds(10)
        let log = try SegmentLog.open(
            directory: TrimmedJournal.directory, environment: stepped.environment, limits: limits)
        var writer = OriginLogWriter(log: JournalHarness.identity(0, incarnation: 1), epoch: Epoch(1))
        for number in 0..<6 as Range<UInt64> {
            _ = try writer.append(
                EventRecord(
                    kind: .timeMark, stamp: HybridStamp(at: WallTime(milliseconds: number + 1)),
                    id: EventID(time: 0, client: 0), body: []))
            try log.submit(try #require(try writer.seal()))
            stepped.clock.advance(by: .seconds(6))
        }
        #expect(stepped.files.paths().count { $0.hasSuffix(".segment") } == 3)
        #expect(try log.read(writer.log, from: .zero, maxBytes: .max).count == 6)
        await log.close()
    }

    @Test(
        "S5: at its bound a journal takes no further segment, refuses appends as on a full disk, and goes on once trimmed"
    )
    func bound() async throws {
        let stepped = SteppedEnvironment(seed: 35)
        var limits = TrimmedJournal.limits
        limits.maxBytes = UInt64(limits.segmentBytes * 4)
        let log = try SegmentLog.open(
            directory: TrimmedJournal.directory, environment: stepped.environment, limits: limits)
        var writer = OriginLogWriter(log: JournalHarness.identity(0, incarnation: 1), epoch: Epoch(1))
        var refusal: EventLogError?
        for number in 0..<40 as Range<UInt64> where refusal == nil {
            _ = try writer.append(
                EventRecord(
                    kind: .interaction, stamp: HybridStamp(at: WallTime(milliseconds: number + 1)),
                    id: EventID(time: number, client: 1), body: [UInt8](repeating: 1, count: 9_000)))
            do { try log.submit(try #require(try writer.seal(compressing: false))) } catch {
                refusal = error as? EventLogError
            }
        }
        #expect(refusal?.code == .noSpace && log.isFull)
        let inputs = TrimInputs(
            floors: [writer.log: .open], now: WallTime(milliseconds: 1 << 40), retention: .zero, retentionBytes: 0,
            pinMaxBytes: 1 << 50)
        #expect(try log.trim(inputs).removedSegments > 0)
        stepped.clock.advance(by: JournalLimits.spaceRetryInterval * 2)
        #expect(!log.isFull)
        await log.close()
    }
}

/// Fails every change of a file from some operation on.
private final class CuttingFiles: FileStore {
    private let base: SimulatedFileStore
    private let left = Box()

    private final class Box: Sendable {
        let value = Mutex(Int.max)
    }

    init(_ base: SimulatedFileStore) { self.base = base }

    func cut(after operations: Int) { left.value.withLock { $0 = operations } }

    private func spend() throws(FileError) {
        let isCut = left.value.withLock { left in
            if left != .max { left -= 1 }
            return left < 0
        }
        if isCut { throw FileError(.io, operation: "cut", path: "") }
    }

    func open(_ path: String, _ mode: FileOpenMode) throws(FileError) -> any StoredFile {
        if mode == .createOrReplace || mode == .createNew { try spend() }
        return try base.open(path, mode)
    }
    func createDirectory(_ path: String) throws(FileError) { try base.createDirectory(path) }
    func list(_ directory: String) throws(FileError) -> [String] { try base.list(directory) }
    func rename(_ source: String, to destination: String) throws(FileError) {
        try spend()
        try base.rename(source, to: destination)
    }
    func remove(_ path: String) throws(FileError) { try base.remove(path) }
    func syncDirectory(_ path: String) throws(FileError) {
        try spend()
        try base.syncDirectory(path)
    }
    func exists(_ path: String) -> Bool { base.exists(path) }
    func availableBytes(at path: String) throws(FileError) -> UInt64 { try base.availableBytes(at: path) }
    func storageIdentity(of path: String) throws(FileError) -> StorageIdentity { try base.storageIdentity(of: path) }
    func lockExclusively(_ path: String) throws(FileError) -> any FileLock { try base.lockExclusively(path) }
    func lockShared(_ path: String) throws(FileError) -> (any FileLock)? { try base.lockShared(path) }
}
