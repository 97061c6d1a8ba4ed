// Trimming on a simulated disk: what goes, what readers are told, what a restart finds (S5, S8, FAULTS 17, 18, 32).

import ClusterModel
import EventLog
import SimulatedEnvironment
import Testing

@testable import SegmentLog

@Suite struct SegmentTrimTests {
    @Test("S8: whole segments go, the chain goes on, and a reader below the base is told where the log begins")
    func trimsAndSays() async throws {
        var journal = try TrimmedJournal(seed: 1)
        try journal.append(20)
        let before = journal.segments.count
        let report = try journal.log.trim(journal.inputs())
        #expect(report.removedSegments == before - 1)
        #expect(journal.segments.count == 1)
        #expect(report.hold == nil)
        #expect(try journal.readsBack())
        let log = journal.writers[0].log
        let base = try #require(journal.log.summary(of: log)).base
        #expect(base > .zero)
        #expect { try journal.log.read(log, from: .zero, maxBytes: 1) } throws: { error in
            (error as? EventLogError)?.code == .trimmed && (error as? EventLogError)?.firstAvailable == base
        }
        let readings = try journal.log.read([(log, .zero)], total: 1 << 20)
        #expect(readings == [log: .unreadable(next: base)])
        try journal.append(5)
        #expect(try journal.readsBack())
        await journal.log.close()
    }

    @Test("S8: a restart goes on where the trimmed log stood, and reports no damage")
    func restarts() async throws {
        var journal = try TrimmedJournal(seed: 2)
        try journal.append(20)
        _ = try journal.log.trim(journal.inputs())
        let summaries = journal.log.logs()
        await journal.log.close()
        try journal.reopen()
        #expect(journal.log.recovered.corruptRanges.isEmpty)
        #expect(journal.log.logs() == summaries)
        try journal.append(12)
        _ = try journal.log.trim(journal.inputs())
        #expect(try journal.readsBack())
        await journal.log.close()
        let found = try JournalInspection(directory: TrimmedJournal.directory, files: journal.stepped.files)
        #expect(found.corruptRanges.isEmpty)
    }

    @Test("S5: a segment stays while one of its logs must, and all behind it")
    func oneLogHolds() async throws {
        var journal = try TrimmedJournal(seed: 3)
        try journal.append(20)
        let held = journal.writers[1].log
        let before = journal.segments
        let report = try journal.log.trim(journal.inputs { $0.floors[held]?.members = .zero })
        #expect(journal.segments == before)
        #expect(report.removedSegments == 0)
        #expect(report.hold == .member(RegionNumber(1), held))
        #expect(journal.log.summary(of: held)?.base == .zero)
        await journal.log.close()
    }

    @Test(
        "FAULTS 17: one damaged copy of what was trimmed costs nothing; without both nothing is removed and all is said"
    )
    func metadata() async throws {
        var journal = try TrimmedJournal(seed: 4)
        try journal.append(20)
        _ = try journal.log.trim(journal.inputs())
        let summaries = journal.log.logs()
        await journal.log.close()
        func copies() -> [String] { journal.stepped.files.paths().filter { $0.hasPrefix("journal/trimmed-") } }
        for copy in 0...1 {
            // The start before has written both anew.
            #expect(copies().count == 2)
            journal.stepped.files.flipBit(of: copies()[copy], byte: 20, bit: 1)
            try journal.reopen()
            #expect(journal.log.logs() == summaries)
            await journal.log.close()
        }
        for copy in copies() { journal.stepped.files.flipBit(of: copy, byte: 20, bit: 1) }
        // The index of the clean stop knows as much: without it nothing does.
        for name in journal.stepped.files.paths() where name.hasPrefix("journal/index") {
            try journal.stepped.files.remove(name)
        }
        let segments = journal.segments
        try journal.reopen()
        #expect(!journal.log.recovered.corruptRanges.isEmpty)
        #expect(journal.segments.starts(with: segments))
        await journal.log.close()
    }

    /// Records are stamped a millisecond apart, three to a segment.
    @Test("S5, S8: a segment of which nothing can be read is as young as the one behind it", arguments: [false, true])
    func unreadable(isErased: Bool) async throws {
        var journal = try TrimmedJournal(seed: 6)
        try journal.append(20)
        let first = try #require(journal.segments.first)
        if isErased { try journal.put([UInt8](repeating: 0, count: TrimmedJournal.limits.segmentBytes), first) }
        let report = try journal.log.trim(
            journal.inputs { inputs in
                inputs.now = WallTime(milliseconds: 104)
                inputs.retention = .milliseconds(100)
                inputs.retentionBytes = 1 << 40
            })
        #expect(report.hold == .retention)
        #expect(report.removedSegments == (isErased ? 0 : 1))
        await journal.log.close()
    }

    @Test("S1: a log that is trimmed to its end keeps its end and its digest")
    func wholeLog() async throws {
        var journal = try TrimmedJournal(seed: 5)
        try journal.append(3)
        let ended = journal.writers.removeLast()
        try journal.append(12)
        _ = try journal.log.trim(
            journal.inputs { $0.floors[ended.log] = .open })
        let summary = try #require(journal.log.summary(of: ended.log))
        #expect(summary.base == summary.flushedEnd)
        #expect(summary.endDigest == journal.written[ended.log]?.last?.chainDigest)
        await journal.log.close()
        try journal.reopen()
        #expect(journal.log.summary(of: ended.log) == summary)
        await journal.log.close()
    }
}
