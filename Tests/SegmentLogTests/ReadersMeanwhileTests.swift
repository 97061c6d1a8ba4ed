// Readers while segments are trimmed or repaired under them: what they hold stays, what is gone is called so (S7, S8).

import ClusterModel
import EventLog
import NodeEnvironment
import SimulatedEnvironment
import Testing

@testable import SegmentLog

@Suite struct ReadersMeanwhileTests {
    /// A journal whose reads can be come between.
    private func hooked(seed: UInt64) throws -> (journal: TrimmedJournal, files: HookedFiles) {
        let disk = SimulatedFileStore()
        let files = HookedFiles(disk)
        var journal = try TrimmedJournal(seed: seed, files: disk) { _ in files }
        try journal.append(24)
        return (journal, files)
    }

    @Test("S8: batches that were read stay what they are when their segments are repaired or go")
    func whatWasReadStays() async throws {
        var journal = try TrimmedJournal(seed: 71)
        try journal.append(20)
        var held: [LogIdentity: [EncodedBatch]] = [:]
        for log in journal.written.keys { held[log] = try journal.log.read(log, from: .zero, maxBytes: .max) }
        let swept = try journal.log.read(journal.written.keys.map { ($0, .zero) }, total: 1 << 20)
        let path = journal.log.directory.segmentPath(2)
        journal.stepped.files.flipBit(of: path, byte: 12_000, bit: 1)
        let plan = try journal.log.repairPlan(of: 2)
        #expect(try journal.log.repair(2, with: journal.held(plan.needs)))
        #expect(try journal.log.trim(journal.inputs()).removedSegments > 3)
        #expect(held.mapValues { $0.map(\.bytes) } == journal.written.mapValues { $0.map(\.bytes) })
        for (log, reading) in swept {
            let batches = reading.batches ?? []
            #expect(!batches.isEmpty && journal.written[log]?.starts(with: batches) == true)
            #expect(batches.allSatisfy { (try? EncodedBatch(verifying: $0.bytes))?.chainDigest == $0.chainDigest })
        }
        await journal.log.close()
    }

    @Test(
        "S8: a reader under which a trim comes gets what it wanted, a part of it, or is told where the log begins now")
    func trimsUnderAReader() throws {
        for opening in 0..<16 {
            let (journal, files) = try hooked(seed: 72)
            let (log, inputs) = (journal.log, journal.inputs())
            files.before(opening: opening) { _ = try? log.trim(inputs) }  // judged by what the reader sees
            let identity = journal.writers[0].log
            let written = try #require(journal.written[identity])
            do {
                let found = try log.read(identity, from: .zero, maxBytes: .max)
                #expect(!found.isEmpty && written.starts(with: found), "opening \(opening)")
            } catch {
                let summary = try #require(log.summary(of: identity))
                #expect(error.code == .trimmed, "opening \(opening): \(error)")
                #expect(error.firstAvailable == summary.base && summary.base > .zero, "opening \(opening)")
            }
            files.disarm()
            #expect(try journal.readsBack() == true, "opening \(opening)")
        }
    }

    @Test("S8: the same for many logs in one pass: none is called damaged, none comes out of order")
    func trimsUnderASweep() throws {
        for opening in 0..<16 {
            let (journal, files) = try hooked(seed: 73)
            let (log, inputs) = (journal.log, journal.inputs())
            files.before(opening: opening) { _ = try? log.trim(inputs) }  // as above
            let readings = try log.read(journal.writers.map { ($0.log, .zero) }, total: 1 << 20)
            for (identity, reading) in readings {
                switch reading {
                case .batches(let found): #expect(journal.written[identity]?.starts(with: found) == true)
                case .unreadable(let next):
                    let base = try #require(log.summary(of: identity)).base
                    #expect(base > .zero && next >= base, "opening \(opening)")
                }
            }
            files.disarm()
            #expect(try journal.readsBack() == true, "opening \(opening)")
        }
    }

    @Test("S7: a reader under which a segment is repaired reads the old file to its end, and the whole one next time")
    func repairsUnderAReader() throws {
        var repaired = 0
        for opening in 0..<12 {
            let (journal, files) = try hooked(seed: 74)
            let log = journal.log
            let path = log.directory.segmentPath(3)
            journal.stepped.files.flipBit(of: path, byte: 12_000, bit: 1)
            let batches = journal.held(try log.repairPlan(of: 3).needs)
            files.before(opening: opening) { _ = try? log.repair(3, with: batches) }  // judged by what is read
            for identity in journal.written.keys {
                do {
                    let found = try log.read(identity, from: .zero, maxBytes: .max)
                    #expect(!found.isEmpty && journal.written[identity]?.starts(with: found) == true)
                } catch {
                    #expect(error.code == .corrupt, "opening \(opening): \(error)")
                }
            }
            if files.hasRun {
                #expect(try journal.readsBack() == true, "opening \(opening)")
                repaired += 1
            }
        }
        #expect(repaired > 6)
    }

    @Test("S7: the scrubber goes on with what is left when a trim comes under it")
    func trimsUnderTheScrubber() throws {
        for opening in 0..<12 {
            let (journal, files) = try hooked(seed: 75)
            let (log, inputs) = (journal.log, journal.inputs())
            let scrubber = JournalScrubber(log, bytesPerSecond: 1 << 20)
            files.before(opening: opening) { _ = try? log.trim(inputs) }  // judged by the facts
            for _ in 0..<40 { _ = try scrubber.step() }
            #expect(files.hasRun)
            #expect(scrubber.facts().corruptRanges.isEmpty, "opening \(opening): \(scrubber.facts().corruptRanges)")
        }
    }
}
