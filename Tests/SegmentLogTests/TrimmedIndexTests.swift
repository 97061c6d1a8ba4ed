// The clean stop's index beside trimming and repair: it never names what is gone or other bytes (S7, S8; Decisions/0013, 0014).

import ClusterModel
import EventLog
import NodeEnvironment
import SimulatedEnvironment
import Synchronization
import Testing

@testable import SegmentLog

@Suite struct TrimmedIndexTests {
    /// Where each log's index entries point.
    private func places(_ log: SegmentLog) -> [LogIdentity: [JournalPlace]] {
        let table = log.state.withLock(\.table)
        return Dictionary(uniqueKeysWithValues: table.logs.map { ($0, table[$0]?.index.map(\.place) ?? []) })
    }

    /// What the index says is what a scan of the whole journal finds, and each place holds a batch of its log.
    private func expectTrue(_ journal: inout TrimmedJournal, _ what: String) throws {
        let index = try #require(try journal.index(), "\(what): no index")
        #expect(
            index.segments
                == (try JournalDirectory(path: TrimmedJournal.directory, files: journal.stepped.files).generations()))
        try journal.reopen()
        let (indexed, indexedPlaces) = (journal.log.logs(), places(journal.log))
        #expect(journal.log.recovered.corruptRanges.isEmpty, "\(what)")
        #expect(try journal.readsBack(), "\(what)")
        try journal.reopenScanning()
        #expect(!journal.log.recovered.wasCleanStop, "\(what)")
        #expect(journal.log.recovered.corruptRanges.isEmpty, "\(what)")
        #expect(places(journal.log) == indexedPlaces, "\(what)")
        for (found, told) in zip(journal.log.logs(), indexed) {
            #expect(found.log == told.log && found.base == told.base && found.baseDigest == told.baseDigest, "\(what)")
            #expect(found.flushedEnd == told.flushedEnd && found.endDigest == told.endDigest, "\(what)")
        }
        #expect(try journal.readsBack(), "\(what)")
    }

    @Test("S8: the clean stop after a trim leaves an index of what is left", arguments: [0, 4, 9, 30])
    func afterATrim(later: Int) async throws {
        var journal = try TrimmedJournal(seed: 61)
        try journal.append(20)
        await journal.log.close()
        try journal.reopen()
        try journal.append(6)
        #expect(try journal.log.trim(journal.inputs()).removedSegments > 3)
        try journal.append(later)
        await journal.log.close()
        try expectTrue(&journal, "\(later) batches after the trim")
        await journal.log.close()
    }

    @Test("S8: a trim of a journal that was opened by its index alone, where no batch was appended since")
    func trimsWhatTheIndexKnows() async throws {
        var journal = try TrimmedJournal(seed: 62)
        try journal.append(20)
        await journal.log.close()
        try journal.reopen()
        let held = journal.writers[2].log
        let end = try #require(journal.log.summary(of: held)).flushedEnd
        let inputs = journal.inputs { $0.floors[held]?.members = Offset(end.rawValue / 2) }
        #expect(try journal.log.trim(inputs).removedSegments > 1)
        #expect(try journal.readsBack())
        await journal.log.close()
        try expectTrue(&journal, "trimmed by half")
        await journal.log.close()
    }

    /// The newest marks rot, so that the clean stop before the trim is the newest again.
    @Test("S8: an index from before a trim is refused once segments are gone, and corrected while they are not")
    func fromBeforeATrim() async throws {
        var journal = try TrimmedJournal(seed: 63)
        try journal.append(20)
        await journal.log.close()
        let marks = try journal.bytes("journal/marks")
        let segments = try journal.segments.map { ($0, try journal.bytes($0)) }
        try journal.reopen()
        #expect(try journal.log.trim(journal.inputs()).removedSegments > 3)
        let summaries = journal.log.logs()
        journal.log.abandon()
        try journal.put(marks, "journal/marks")
        #expect(try journal.index() == nil)
        try journal.reopen()
        #expect(journal.log.recovered.corruptRanges.isEmpty)
        #expect(journal.log.logs().map(\.base) == summaries.map(\.base))
        #expect(try journal.readsBack())
        journal.log.abandon()
        // The crash came before any segment went: bases are durable, segments still there.
        try journal.put(marks, "journal/marks")
        for (path, bytes) in segments { try journal.put(bytes, path) }
        #expect(try journal.index() != nil)
        try journal.reopen()
        #expect(journal.log.recovered.wasCleanStop)
        #expect(journal.log.logs() == summaries)
        #expect(try journal.readsBack())
        for summary in summaries where summary.base > .zero {
            #expect { try journal.log.read(summary.log, from: .zero, maxBytes: 1) } throws: {
                ($0 as? EventLogError)?.code == .trimmed
            }
        }
        // The next round finishes what the crash cut off.
        _ = try journal.log.trim(journal.inputs())
        #expect(journal.segments.count == 1)
        await journal.log.close()
        try expectTrue(&journal, "after the crash")
        await journal.log.close()
    }

    @Test("S7, S8: a repair moves nothing that an index names", arguments: 0..<3)
    func afterARepair(segment: Int) async throws {
        var journal = try TrimmedJournal(seed: 64)
        try journal.append(20)
        await journal.log.close()
        let before = try #require(try journal.index())
        try journal.reopen()
        let path = journal.log.directory.segmentPath(UInt64(segment + 1))
        let sound = try journal.bytes(path)
        journal.stepped.files.flipBit(of: path, byte: 12_000, bit: 4)
        let generation = UInt64(segment + 1)
        let plan = try journal.log.repairPlan(of: generation)
        #expect(!plan.isSound)
        #expect(try journal.log.repair(generation, with: journal.held(plan.needs)))
        #expect(try journal.bytes(path) == sound)
        await journal.log.close()
        let after = try #require(try journal.index())
        for log in before.table.logs {
            #expect(after.table[log]?.index.map(\.place) == before.table[log]?.index.map(\.place))
        }
        try expectTrue(&journal, "segment \(segment)")
        await journal.log.close()
    }

    @Test(
        "A journal that was opened with damage leaves no index, however it was healed: the next start looks at all of it"
    )
    func openedWithDamage() async throws {
        var journal = try TrimmedJournal(seed: 65)
        try journal.append(20)
        journal.log.abandon()
        let path = journal.log.directory.segmentPath(2)
        journal.stepped.files.flipBit(of: path, byte: 12_000, bit: 4)
        try journal.reopen()
        #expect(journal.log.recovered.corruptRanges.isEmpty == false)
        await journal.log.close()
        #expect(try journal.index() == nil)
        journal.stepped.files.flipBit(of: path, byte: 12_000, bit: 4)
        try journal.reopen()
        #expect(journal.log.recovered.corruptRanges.isEmpty)
        #expect(try journal.readsBack())
        await journal.log.close()
        try expectTrue(&journal, "healed")
        await journal.log.close()
    }
}
