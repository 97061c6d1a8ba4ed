// Repair of a stopped node's journal, where no table of a running node says what stands beside the damage (S7, S8).

import ClusterModel
import EventLog
import NodeEnvironment
import SimulatedEnvironment
import Testing

@testable import SegmentLog

@Suite struct JournalRepairTests {
    enum Ending: CaseIterable { case cleanStop, kill }

    private func stopped(_ seed: UInt64, _ ending: Ending, batches: Int = 20) async throws -> TrimmedJournal {
        var journal = try TrimmedJournal(seed: seed)
        try journal.append(batches)
        // The mark of an idle journal: nothing is in doubt.
        journal.stepped.clock.advance(by: JournalLimits.idleBeforeMark)
        switch ending {
        case .cleanStop: await journal.log.close()
        case .kill: journal.log.abandon()
        }
        return journal
    }

    private func open(_ journal: TrimmedJournal) throws -> JournalRepair {
        try JournalRepair(directory: TrimmedJournal.directory, files: journal.stepped.files)
    }

    private func contents(_ journal: TrimmedJournal) throws -> [[UInt8]] {
        try journal.segments.map { try journal.bytes($0) }
    }

    @Test(
        "FAULTS 4-6: a flipped bit anywhere, the end of every log included, is healed offline",
        arguments: Ending.allCases)
    func anyByte(ending: Ending) async throws {
        let journal = try await stopped(91, ending)
        let sound = try contents(journal)
        for (number, path) in journal.segments.enumerated() {
            let end = (sound[number].lastIndex { $0 != 0 } ?? 0) + 1
            for byte in stride(from: number * 7, to: end, by: 1_471) {
                journal.stepped.files.flipBit(of: path, byte: byte, bit: byte % 8)
                let repair = try open(journal)
                let place: Comment = "byte \(byte) of \(path)"
                #expect(repair.damaged == [UInt64(number + 1)], place)
                let plan = try repair.plan(of: UInt64(number + 1))
                #expect(plan.lost.isEmpty && !plan.isSound, place)
                #expect(try repair.repair(plan, with: journal.held(plan.needs)), place)
                repair.release()
                #expect(try contents(journal) == sound, place)
            }
        }
    }

    @Test("S8: looking changes nothing, and a node may not start meanwhile")
    func looking() async throws {
        var journal = try await stopped(92, .kill)
        journal.stepped.files.flipBit(of: journal.segments[1], byte: 12_000, bit: 3)
        let names = journal.stepped.files.paths()
        let before = try names.map { try journal.bytes($0) }
        let repair = try open(journal)
        let plan = try repair.plan(of: 2)
        #expect(plan.needs.count == 1)
        #expect(throws: EventLogError.self) { try journal.reopen() }
        #expect(try !repair.repair(plan, with: []))
        #expect(journal.stepped.files.paths() == names)
        #expect(try names.map { try journal.bytes($0) } == before)
        repair.release()
        try journal.reopen()
        #expect(!journal.log.recovered.corruptRanges.isEmpty)
    }

    @Test("S8: behind a trim the base's digest vouches for the first batch that is left")
    func behindATrim() async throws {
        var journal = try TrimmedJournal(seed: 93)
        try journal.append(20)
        _ = try journal.log.trim(journal.inputs())
        try journal.append(6)
        await journal.log.close()
        let path = try #require(journal.segments.first)
        let sound = try journal.bytes(path)
        let generation = try #require(journal.log.generation(ofSegment: path))
        for byte in [300, 9_700, 19_500] {
            journal.stepped.files.flipBit(of: path, byte: byte, bit: 5)
            let repair = try open(journal)
            let plan = try repair.plan(of: generation)
            #expect(try repair.repair(plan, with: journal.held(plan.needs)), "byte \(byte)")
            repair.release()
            #expect(try journal.bytes(path) == sound, "byte \(byte)")
        }
    }

    @Test(
        "S8: batches of another chain are refused at the end of a log too, and nothing changes",
        arguments: Ending.allCases)
    func otherChain(ending: Ending) async throws {
        let journal = try await stopped(94, ending)
        let log = journal.writers[2].log
        let last = try #require(journal.written[log]?.last)
        let header = Array(last.bytes.prefix(BatchHeader.length))
        for path in journal.segments {
            let bytes = try journal.bytes(path)
            let places = stride(from: 0, to: bytes.count - header.count, by: 32)
            guard let start = places.first(where: { Array(bytes[$0..<$0 + header.count]) == header }) else { continue }
            journal.stepped.files.flipBit(of: path, byte: start + 500, bit: 0)
        }
        let damaged = try contents(journal)
        let repair = try open(journal)
        let plan = try repair.plan(of: try #require(repair.damaged.first))
        let need = try #require(plan.needs.first)
        let body = [UInt8](repeating: 7, count: 9_000)
        let record = EventRecord(
            kind: .interaction, stamp: last.header.lastStamp, id: EventID(time: 1, client: 1), body: body)
        for previous in [need.before, Digest128(high: 1, low: 2)] {
            let forged = try EncodedBatch(
                sealing: [record], of: log, epoch: Epoch(1), baseOffset: need.from, previousDigest: previous,
                compressing: false)
            #expect(forged.length == last.length)
            #expect(throws: EventLogError.self) { try repair.repair(plan, with: [forged]) }
        }
        #expect(try contents(journal) == damaged)
        #expect(try repair.repair(plan, with: journal.held(plan.needs)))
        repair.release()
    }

    /// The old file or the new one, nothing in between; what is left over goes at the next start.
    @Test("FAULTS 17, 18: a crash at any call of a repair")
    func crashes() async throws {
        for kind in [
            CrashKind.powerBefore(.random), .powerAfter(.none), .powerAmidWrite, .killAmidWrite, .inputOutputError,
        ] {
            var point = 0
            while true {
                let journal = try await stopped(95, .cleanStop, batches: 8)
                let path = journal.segments[0]
                let sound = try journal.bytes(path)
                journal.stepped.files.flipBit(of: path, byte: 2_000, bit: 1)
                let damaged = try journal.bytes(path)
                let files = CrashPoint(journal.stepped.files, at: point, kind, seed: UInt64(point))
                let isWhole = (try? repairAll(journal, files)) ?? false
                journal.stepped.files.releaseLocks()
                let place: Comment = "call \(point), \(kind)"
                let found = try journal.bytes(path)
                #expect(found == sound || found == damaged, place)
                if isWhole { #expect(found == sound, place) }
                // Whatever happened, the next run heals it, and a start leaves nothing over.
                #expect(try repairAll(journal, journal.stepped.files), place)
                var again = journal
                try again.reopenScanning()
                #expect(again.log.recovered.corruptRanges.isEmpty, place)
                #expect(!journal.stepped.files.paths().contains { $0.hasSuffix(".repaired") }, place)
                again.log.abandon()
                if !files.isSpent { break }
                point += 1
            }
            #expect(point > 20, "\(kind)")
        }
    }

    private func repairAll(_ journal: TrimmedJournal, _ files: any FileStore) throws -> Bool {
        let repair = try JournalRepair(directory: TrimmedJournal.directory, files: files)
        defer { repair.release() }
        return try repair.damaged.allSatisfy { generation in
            let plan = try repair.plan(of: generation)
            return try repair.repair(plan, with: journal.held(plan.needs))
        }
    }
}
