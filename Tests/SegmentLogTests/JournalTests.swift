// The journal on a simulated disk: what was flushed survives, what was not is whole or gone (S1, S6, S7).

import ClusterModel
import EventLog
import NodeEnvironment
import SimulatedEnvironment
import Synchronization
import Testing

@testable import SegmentLog

/// A writer of several logs over one journal, with its own memory of what was flushed.
struct JournalHarness {
    static let directory = "journal"
    var generator: SeededGenerator
    let stepped: SteppedEnvironment
    var log: SegmentLog
    var writers: [OriginLogWriter]
    /// (log, offset, body) of every record whose flush was reported.
    var flushed: [LogIdentity: [[UInt8]]] = [:]

    init(seed: UInt64, files: SimulatedFileStore = SimulatedFileStore(), logs: Int = 3) throws {
        generator = SeededGenerator(seed: seed)
        stepped = SteppedEnvironment(seed: seed, files: files)
        log = try SegmentLog.open(directory: Self.directory, environment: stepped.environment)
        writers = (0..<logs).map { index in
            OriginLogWriter(log: Self.identity(index, incarnation: seed), epoch: Epoch(1))
        }
    }

    static func identity(_ index: Int, incarnation: UInt64) -> LogIdentity {
        LogIdentity(
            name: LogName(region: RegionNumber(1), topic: .userEvents, partition: PartitionID(UInt32(index))),
            incarnation: Incarnation(incarnation + 1))
    }

    /// Appends one batch to a random log; remembers it when its flush was reported.
    mutating func append() throws {
        let index = Int(generator.next() % UInt64(writers.count))
        var bodies: [[UInt8]] = []
        for _ in 0..<1 + generator.next() % 5 {
            let body = (0..<1 + generator.next() % 400).map { _ in UInt8(truncatingIfNeeded: generator.next()) }
            let stamp = HybridStamp(rawValue: writers[index].nextOffset.rawValue + 1)
            _ = try writers[index].append(
                EventRecord(
                    kind: .interaction, stamp: stamp, id: EventID(time: 1, client: generator.next()), body: body))
            bodies.append(body)
        }
        guard let batch = try writers[index].seal() else { return }
        try log.submit(batch)
        let identity = writers[index].log
        if log.flushedEnd(of: identity) == batch.endOffset { flushed[identity, default: []] += bodies }
    }

    /// The bodies that a fresh opening finds, by log.
    func reopened() throws -> (log: SegmentLog, bodies: [LogIdentity: [[UInt8]]]) {
        var bodies: [LogIdentity: [[UInt8]]] = [:]
        let log = try SegmentLog.open(directory: Self.directory, environment: stepped.environment) { batch in
            bodies[batch.header.log, default: []] += try batch.records().map(\.body)
        }
        return (log, bodies)
    }

    /// Whether every flushed record is in `found`, in its place.
    func isKept(in found: [LogIdentity: [[UInt8]]]) -> Bool {
        flushed.allSatisfy { log, bodies in Array((found[log] ?? []).prefix(bodies.count)) == bodies }
    }
}

@Suite struct JournalTests {
    @Test func everythingFlushedReadsBackAfterACleanStop() async throws {
        var harness = try JournalHarness(seed: 1)
        #expect(harness.log.recovered.isFirstStart)
        for _ in 0..<50 { try harness.append() }
        await harness.log.close()
        let (log, bodies) = try harness.reopened()
        #expect(bodies == harness.flushed)
        #expect(log.recovered.wasCleanStop)
        #expect(log.recovered.rewrittenBatches == 0)
        #expect(log.recovered.corruptRanges.isEmpty)
        #expect(!log.recovered.isCopy)
        for (identity, expected) in harness.flushed {
            let read = try log.read(identity, from: .zero, maxBytes: .max).flatMap { try $0.records().map(\.body) }
            #expect(read == expected)
        }
    }

    /// S6, S7: power goes at a random moment, any subset of unsynced sectors reaches the disk.
    @Test(arguments: 0..<150 as Range<UInt64>)
    func powerLossKeepsWhatWasFlushed(seed: UInt64) throws {
        var harness = try JournalHarness(seed: seed)
        for _ in 0..<1 + harness.generator.next() % 20 { try harness.append() }
        harness.stepped.files.crash(using: &harness.generator)
        let (log, bodies) = try harness.reopened()
        #expect(harness.isKept(in: bodies), "seed \(seed)")
        #expect(log.recovered.corruptRanges.isEmpty, "seed \(seed)")
        #expect(!log.recovered.wasCleanStop, "seed \(seed)")
        // A second start on what the first wrote again finds the same.
        harness.stepped.files.crash(using: &harness.generator)
        #expect(try harness.reopened().bodies == bodies, "seed \(seed)")
    }

    /// The canary: on a disk that lies about its syncs the test above must find a loss.
    @Test func aDiskThatIgnoresSyncLosesFlushedRecords() throws {
        var losses = 0
        for seed in 0..<20 as Range<UInt64> {
            var harness = try JournalHarness(seed: seed)
            var faults = DiskFaults()
            faults.ignoresSync = true
            harness.stepped.files.setFaults(faults)
            for _ in 0..<10 { try harness.append() }
            harness.stepped.files.crash(using: &harness.generator)
            if try !harness.isKept(in: harness.reopened().bodies) { losses += 1 }
        }
        #expect(losses > 0)
    }

    /// S7, FAULTS 12: what is kept beyond the mark is in doubt until its rewriting is synced, however often the process
    /// dies in between, and what the page cache showed and the disk never had is no corruption.
    @Test(arguments: 0..<60 as Range<UInt64>)
    func aRewriteIsBelievedOnlyOnceItIsSynced(seed: UInt64) throws {
        var harness = try JournalHarness(seed: seed)
        for _ in 0..<harness.generator.next() % 5 { try harness.append() }
        let files = harness.stepped.files
        // The last group is written and seen, but its sync fails; then kill -9: the page cache stays.
        var faults = DiskFaults()
        faults.syncsBeforeFailure = 0
        files.setFaults(faults)
        try harness.append()
        files.releaseLocks()
        // A start whose own syncs fail at some point, killed too.
        faults.syncsBeforeFailure = Int(harness.generator.next() % 4)
        files.setFaults(faults)
        _ = try? harness.reopened()
        files.releaseLocks()
        files.setFaults(DiskFaults())
        // A start that succeeds: what it found counts as flushed from now on.
        let believed = try harness.reopened().bodies
        #expect(harness.isKept(in: believed), "seed \(seed)")
        files.crash(using: &harness.generator)
        let (log, bodies) = try harness.reopened()
        #expect(bodies == believed, "seed \(seed)")
        #expect(log.recovered.corruptRanges.isEmpty, "seed \(seed): \(log.recovered.corruptRanges)")
    }

    /// FAULTS 12: the first failed sync ends the log, and a later sync that works changes nothing.
    @Test func aFailedSyncPoisonsForGood() throws {
        var harness = try JournalHarness(seed: 3)
        let observer = RecordingObserver()
        let identity = harness.writers[0].log
        harness.log.observe(identity, on: harness.stepped.environment.executors.loops[0], observer)
        for _ in 0..<10 { try harness.append() }
        let before = harness.log.flushedEnd(of: identity)
        var faults = DiskFaults()
        faults.syncsBeforeFailure = 0
        harness.stepped.files.setFaults(faults)
        try harness.append()
        harness.stepped.files.setFaults(DiskFaults())
        #expect(observer.fences.withLock { $0 } == 1)
        #expect(throws: EventLogError.self) { try harness.append() }
        #expect(harness.log.flushedEnd(of: identity) == before)
    }

    /// FAULTS 14: a full disk refuses with a type of its own and heals by itself.
    @Test func aFullDiskRefusesAndResumes() throws {
        let files = SimulatedFileStore()
        let stepped = SteppedEnvironment(seed: 4, files: files)
        var faults = DiskFaults()
        faults.freeBytes = 1
        files.setFaults(faults)
        let log = try SegmentLog.open(
            directory: "journal", environment: stepped.environment, limits: JournalLimits(backlogBytes: 1))
        var writer = OriginLogWriter(log: JournalHarness.identity(0, incarnation: 1), epoch: Epoch(1))
        var refusal: EventLogError?
        var ends: [Offset] = []
        var generator = SeededGenerator(seed: 4)
        for _ in 0..<64 where refusal == nil {
            // Bytes that do not compress, so that the backlog fills.
            let body = (0..<200_000).map { _ in UInt8(truncatingIfNeeded: generator.next()) }
            _ = try writer.append(
                EventRecord(kind: .interaction, stamp: .zero, id: EventID(time: 1, client: 1), body: body))
            let batch = try #require(try writer.seal())
            do { try log.submit(batch) } catch { refusal = error }
            if refusal == nil { ends.append(batch.endOffset) }
        }
        #expect(refusal?.code == .noSpace)
        #expect(log.flushedEnd(of: writer.log) == .zero)
        files.setFaults(DiskFaults())
        stepped.clock.advance(by: JournalLimits.spaceRetryInterval)
        #expect(log.flushedEnd(of: writer.log) == ends.last)
    }

    /// FAULTS 4, 5: a flipped bit before the mark is reported and never cut; other logs are served.
    @Test func aFlippedBitBeforeTheMarkIsReported() async throws {
        var harness = try JournalHarness(seed: 9, logs: 2)
        for _ in 0..<6 { try harness.append() }
        await harness.log.close()
        let files = harness.stepped.files
        let path = try #require(files.paths().first { $0.hasSuffix(".segment") })
        let end = try harness.log.read(harness.writers[0].log, from: .zero, maxBytes: .max).count
        #expect(end > 0)
        let written = try writtenLength(files, path)
        for byte in stride(from: 0, to: written, by: 29) {
            files.flipBit(of: path, byte: byte, bit: byte % 8)
            let inspection = try JournalInspection(directory: JournalHarness.directory, files: files)
            #expect(!inspection.corruptRanges.isEmpty, "byte \(byte)")
            #expect(inspection.cutBytes == 0, "byte \(byte)")
            files.flipBit(of: path, byte: byte, bit: byte % 8)
        }
        #expect(try JournalInspection(directory: JournalHarness.directory, files: files).corruptRanges.isEmpty)
    }

    /// S7: corruption of the last groups takes nothing from the mark: new groups are numbered above it.
    @Test func groupNumbersGoOnAboveTheMark() async throws {
        var harness = try JournalHarness(seed: 13, logs: 1)
        for _ in 0..<6 { try harness.append() }
        await harness.log.close()
        let marked = harness.log.committer.withLock { $0.writer.flushedGroup }
        let files = harness.stepped.files
        let path = try #require(files.paths().first { $0.hasSuffix(".segment") })
        let written = try writtenLength(files, path)
        for byte in written / 2..<written { files.flipBit(of: path, byte: byte, bit: 0) }
        let (log, _) = try harness.reopened()
        #expect(!log.recovered.corruptRanges.isEmpty)
        #expect(log.recovered.cutBytes == 0)
        #expect(log.committer.withLock { $0.writer.flushedGroup } >= marked)
    }

    /// S1: one process a directory.
    @Test func aSecondOpeningIsFenced() throws {
        let harness = try JournalHarness(seed: 2)
        #expect {
            try SegmentLog.open(directory: JournalHarness.directory, environment: harness.stepped.environment)
        } throws: { ($0 as? EventLogError)?.code == .fenced }
    }

    @Test func aBatchThatDoesNotExtendIsRefused() throws {
        var harness = try JournalHarness(seed: 6)
        try harness.append()
        let stranger = try EncodedBatch(
            sealing: [EventRecord(kind: .interaction, stamp: .zero, id: EventID(time: 1, client: 1), body: [])],
            of: harness.writers[0].log, epoch: Epoch(1), baseOffset: Offset(99), previousDigest: .zero)
        #expect { try harness.log.submit(stranger) } throws: { ($0 as? EventLogError)?.code == .doesNotExtend }
    }

    private func writtenLength(_ files: SimulatedFileStore, _ path: String) throws -> Int {
        let file = try files.open(path, .read)
        let bytes = try file.read(at: 0, count: Int(try file.length()))
        let last = try #require(bytes.lastIndex { $0 != 0 })
        return (last / GroupFrame.alignment + 1) * GroupFrame.alignment
    }
}

/// Counts what it hears.
final class RecordingObserver: LogObserver {
    let fences = Mutex(0)
    let end = Mutex(Offset.zero)

    func logFlushed(_ log: LogIdentity, to end: Offset) { self.end.withLock { $0 = end } }

    func logFenced(_ log: LogIdentity, because error: EventLogError) { fences.withLock { $0 += 1 } }
}
