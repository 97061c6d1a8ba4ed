// A stretch of a segment of which nothing can be read, frames included: what each log lacks there is put back from another
// holder, in a running node and offline (S7, S8, FAULTS 4-7).

import ClusterModel
import EventLog
import NodeEnvironment
import SimulatedEnvironment
import Testing

@testable import SegmentLog

@Suite struct LostStretchTests {
    /// Every group holds one batch of 9,000 bytes and a bit: 18 sectors.
    private static let group = 18 * 512

    /// Overwrites bytes of a file, as a stray write does.
    private static func overwrite(_ journal: TrimmedJournal, _ path: String, _ bytes: Range<Int>, _ value: UInt8) throws
    {
        let file = try journal.stepped.files.open(path, .readWrite)
        defer { file.close() }
        try file.write([UInt8](repeating: value, count: bytes.count), at: UInt64(bytes.lowerBound))
        try file.synchronizeData()
    }

    @Test(
        "frames and batches overwritten together come back from a holder while the node runs",
        arguments: [
            9_216..<9_300, 9_216..<18_432, 9_000..<10_000, 9_300..<18_500, 9_216..<27_000, 10_000..<18_440,
        ])
    func running(bytes: Range<Int>) async throws {
        for value in [0, 0xa5] as [UInt8] {
            var journal = try TrimmedJournal(seed: 61)
            try journal.append(20)
            let log = journal.log
            let generation = try log.sealedGenerations()[1]
            let path = log.directory.segmentPath(generation)
            let before = try journal.bytes(path)
            try Self.overwrite(journal, path, bytes, value)
            let place: Comment = "bytes \(bytes), \(value)"
            #expect(throws: EventLogError.self, place) { try journal.readsBack() }
            let plan = try log.repairPlan(of: generation)
            #expect(!plan.needs.isEmpty && plan.lost.isEmpty, place)
            // Without all that is needed nothing is made up.
            #expect(try !log.repair(generation, with: journal.held(Array(plan.needs.dropLast()))), place)
            let rest = try log.repairPlan(of: generation)
            #expect(try log.repair(generation, with: journal.held(rest.needs)), place)
            #expect(try journal.readsBack(), place)
            #expect(try journal.bytes(path).count == before.count, place)
            try journal.reopenScanning()
            #expect(journal.log.recovered.corruptRanges.isEmpty, place)
            #expect(try journal.readsBack(), place)
            await journal.log.close()
        }
    }

    @Test("the same offline, after a clean stop and after kill -9", arguments: JournalRepairTests.Ending.allCases)
    func offline(ending: JournalRepairTests.Ending) async throws {
        for bytes in [9_216..<9_300, 9_216..<27_000, 9_300..<18_500] {
            var journal = try TrimmedJournal(seed: 62)
            try journal.append(20)
            journal.stepped.clock.advance(by: JournalLimits.idleBeforeMark)
            switch ending {
            case .cleanStop: await journal.log.close()
            case .kill: journal.log.abandon()
            }
            let path = journal.segments[1]
            try Self.overwrite(journal, path, bytes, 0)
            let place: Comment = "bytes \(bytes)"
            let repair = try JournalRepair(directory: TrimmedJournal.directory, files: journal.stepped.files)
            #expect(repair.damaged == [2], place)
            let plan = try repair.plan(of: 2)
            #expect(!plan.needs.isEmpty && plan.lost.isEmpty, place)
            #expect(try repair.repair(plan, with: journal.held(plan.needs)), place)
            #expect(try repair.verify().isEmpty, place)
            repair.release()
            // By the index of the clean stop, and by a scan.
            try journal.reopen()
            #expect(try journal.recoversAll(), place)
            try journal.reopenScanning()
            #expect(try journal.recoversAll(), place)
            await journal.log.close()
        }
    }

    @Test("S7: batches that do not fill the stretch are not what stood there: it stays reported, and nothing changes")
    func otherBatches() throws {
        let log = LogIdentity(
            name: LogName(region: RegionNumber(1), topic: .userEvents, partition: PartitionID(1)),
            incarnation: Incarnation(3))
        func batch(_ size: Int) throws -> EncodedBatch {
            try EncodedBatch(
                sealing: [
                    EventRecord(
                        kind: .interaction, stamp: HybridStamp(rawValue: 1), id: EventID(time: 1, client: 1),
                        body: [UInt8](repeating: 1, count: size))
                ], of: log, epoch: Epoch(1), baseOffset: .zero, previousDigest: .zero, compressing: false)
        }
        let frame = GroupFrame(
            journal: 7, generation: 2, number: 4, position: 0, mark: 3, previousSegmentEnd: 512, batches: [])
        var stretch = LostStretch(bytes: 1_024..<2_048, before: LostStretch.Group(frame), nextGroup: 6)
        #expect(stretch.groups == 1)
        #expect(stretch.rebuild([try batch(600)], journal: 7, generation: 2)?.count == 1_024)
        #expect(stretch.rebuild([try batch(10)], journal: 7, generation: 2) == nil)
        #expect(stretch.rebuild([], journal: 7, generation: 2) == nil)
        // A segment's first frame says where the one before ends: nobody else does.
        stretch.before = nil
        #expect(stretch.groups == nil)
    }

    @Test("batches are put into groups that fill a stretch to the byte, in as few as were there", arguments: 1...200)
    func filling(seed: UInt64) {
        var generator = SeededGenerator(seed: seed)
        let lengths = (0..<Int(1 + generator.next() % 30)).map { _ in Int(100 + generator.next() % 3_000) }
        var total = 0
        var groups = 0
        var rest = lengths[...]
        while !rest.isEmpty {
            let count = Int(1 + generator.next() % 5)
            let group = rest.prefix(count)
            rest = rest.dropFirst(count)
            groups += 1
            total += GroupFrame.aligned(64 + 32 * group.count + group.reduce(0, +))
        }
        guard let counts = GroupFilling.counts(lengths, filling: total, groups: groups) else {
            Issue.record("seed \(seed): no way found")
            return
        }
        #expect(counts.count <= groups && counts.reduce(0, +) == lengths.count, "seed \(seed)")
        var sum = 0
        var left = lengths[...]
        for count in counts {
            sum += GroupFrame.aligned(64 + 32 * count + left.prefix(count).reduce(0, +))
            left = left.dropFirst(count)
        }
        #expect(sum == total, "seed \(seed)")
        #expect(GroupFilling.counts(lengths, filling: total + 512 * 300, groups: groups) == nil, "seed \(seed)")
    }

    @Test("what follows one damage in a log is one range a segment, however many batches that is")
    func damageIsGrouped() async throws {
        var journal = try TrimmedJournal(seed: 63, logs: 2)
        try journal.append(600, bytes: 40)
        await journal.log.close()
        let path = journal.segments[0]
        try Self.overwrite(journal, path, 5_200..<5_300, 0xff)
        let inspection = try JournalInspection(directory: TrimmedJournal.directory, files: journal.stepped.files)
        let following = inspection.corruptRanges.filter(\.followsGap)
        #expect(!following.isEmpty && inspection.corruptRanges.count <= 2 * journal.segments.count + 1)
        #expect(following[0].reason.contains("more batches"), "\(following[0].reason)")
    }
}

extension TrimmedJournal {
    /// As `readsBack`, and nothing was found to be damaged.
    fileprivate func recoversAll() throws -> Bool { try log.recovered.corruptRanges.isEmpty && readsBack() }
}
