// Segments made ahead of need: what the journal gains by them, and that nothing is lost where they cannot be made.

import ClusterModel
import EventLog
import NodeEnvironment
import SimulatedEnvironment
import Testing

@testable import SegmentLog

@Suite struct SpareSegmentTests {
    private static func names(_ files: SimulatedFileStore, _ suffix: String) -> [String] {
        files.paths().filter { $0.hasSuffix(suffix) }
    }

    /// A log whose segment takes four steps to fill and is half full, so that the first of them is done.
    private static func halfFull(_ stepped: SteppedEnvironment) throws -> SegmentLog {
        var limits = JournalLimits()
        limits.segmentBytes = 4 * JournalLimits.spareStepBytes
        let log = try SegmentLog.open(
            directory: TrimmedJournal.directory, environment: stepped.environment, limits: limits)
        var writer = OriginLogWriter(log: JournalHarness.identity(0, incarnation: 1), epoch: Epoch(1))
        _ = try writer.append(
            EventRecord(
                kind: .interaction, stamp: HybridStamp(rawValue: 1), id: EventID(time: 1, client: 1),
                body: [UInt8](repeating: 7, count: limits.segmentBytes / 2)))
        try log.submit(try #require(try writer.seal(compressing: false)))
        return log
    }

    /// A segment takes three batches: with the second one it is half full.
    @Test func aHalfFullSegmentHasASuccessorAndTheNextOneIsIt() throws {
        var journal = try TrimmedJournal(seed: 1)
        let files = journal.stepped.files
        try journal.append(1)
        #expect(Self.names(files, ".spare").isEmpty && Self.names(files, ".blank").isEmpty)
        try journal.append(1)
        #expect(Self.names(files, ".spare").count == 1 && Self.names(files, ".blank").isEmpty)
        try journal.append(2)
        #expect(Self.names(files, ".spare").isEmpty && journal.segments.count == 2)
        try journal.append(8)
        #expect(journal.segments.count == 4)
        try journal.reopenScanning()
        #expect(journal.log.recovered.batches == 12 && journal.log.recovered.corruptRanges.isEmpty)
    }

    /// What an earlier start left: a whole spare is taken over, all else goes.
    @Test func aStartTakesWholeSparesOver() async throws {
        var journal = try TrimmedJournal(seed: 2)
        let files = journal.stepped.files
        try journal.append(2)
        let spare = try #require(Self.names(files, ".spare").first)
        for name in ["7.blank", "8.spare"] {
            let file = try files.open("\(TrimmedJournal.directory)/\(name)", .createNew)
            try file.write([1, 2, 3], at: 0)
            file.close()
        }
        await journal.log.close()
        try journal.reopen()
        #expect(Self.names(files, ".spare") == [spare] && Self.names(files, ".blank").isEmpty)
        try journal.append(1)
        #expect(Self.names(files, ".spare").isEmpty, "the first segment of a start is the spare")
        try journal.append(1)
        #expect(Self.names(files, ".spare").count == 1 && Self.names(files, ".spare") != [spare])
    }

    /// The zeros come in steps with time between them, so that commits do not wait for all of them.
    @Test func aLargeSegmentIsFilledInSteps() throws {
        let stepped = SteppedEnvironment(seed: 3)
        let log = try Self.halfFull(stepped)
        for step in 1...3 {
            #expect(Self.names(stepped.files, ".blank").count == 1, "step \(step)")
            stepped.clock.advance(by: JournalLimits.spareStepPause)
        }
        #expect(Self.names(stepped.files, ".spare").count == 1 && Self.names(stepped.files, ".blank").isEmpty)
        log.abandon()
    }

    @Test func aLogThatClosesLeavesNothingHalfMade() async throws {
        let stepped = SteppedEnvironment(seed: 4)
        let log = try Self.halfFull(stepped)
        #expect(Self.names(stepped.files, ".blank").count == 1)
        await log.close()
        #expect(Self.names(stepped.files, ".blank").isEmpty && Self.names(stepped.files, ".spare").isEmpty)
        stepped.clock.advance(by: .seconds(1))
        #expect(Self.names(stepped.files, ".blank").isEmpty)
    }

    /// A disk that is nearly full keeps its room for what must be written; appends go on.
    @Test func aNearlyFullDiskGetsNoSpares() throws {
        let files = SimulatedFileStore()
        var journal = try TrimmedJournal(seed: 5, files: files)
        try journal.append(1)
        var faults = DiskFaults()
        faults.freeBytes = UInt64(TrimmedJournal.limits.segmentBytes) * 2
        files.setFaults(faults)
        try journal.append(1)
        #expect(Self.names(files, ".spare").isEmpty && Self.names(files, ".blank").isEmpty)
        try journal.append(2)
        #expect(journal.segments.count == 2 && journal.log.failure == nil)
    }

    /// A name that cannot be made durable poisons as any other segment's does; a spare that cannot be made does not.
    @Test func aSpareThatFailsHarmsNothing() throws {
        var journal = try TrimmedJournal(seed: 6, store: { SpareRefusingFiles($0) })
        try journal.append(12)
        #expect(journal.segments.count == 4 && journal.log.failure == nil)
        #expect(Self.names(journal.stepped.files, ".blank").isEmpty)
    }
}

/// Refuses to make blanks.
private final class SpareRefusingFiles: ForwardingFileStore {
    let base: any FileStore

    init(_ base: any FileStore) { self.base = base }

    func open(_ path: String, _ mode: FileOpenMode) throws(FileError) -> any StoredFile {
        guard !path.hasSuffix(".blank") else { throw FileError(.io, operation: "open", path: path) }
        return try base.open(path, mode)
    }
}
