// The scrubber: every sealed segment has its turn, at its rate, and damage is found with its range (S7, FAULTS 4, 5, 13).

import ClusterModel
import EventLog
import NodeEnvironment
import SimulatedEnvironment
import Testing

@testable import SegmentLog

@Suite struct ScrubberTests {
    /// Steps until so many segments were gone through.
    private func scrub(_ scrubber: JournalScrubber, segments: UInt64, in stepped: SteppedEnvironment) throws {
        for _ in 0..<1_000 where scrubber.facts().scrubbedSegments < segments { _ = try scrubber.step() }
        #expect(scrubber.facts().scrubbedSegments == segments)
    }

    @Test("A sound journal is gone through, and nothing is found")
    func sound() async throws {
        var journal = try TrimmedJournal(seed: 31)
        try journal.append(20)
        let scrubber = JournalScrubber(journal.log, bytesPerSecond: 1 << 20)
        let sealed = UInt64(try journal.log.sealedGenerations().count)
        #expect(sealed >= 4)
        try scrub(scrubber, segments: sealed * 2, in: journal.stepped)
        #expect(scrubber.facts().corruptRanges.isEmpty)
        #expect(scrubber.facts().scrubbedBytes > 100_000)
        await journal.log.close()
    }

    @Test("S7: a flipped bit in any group of a sealed segment is found, with a range that holds it")
    func damage() async throws {
        var journal = try TrimmedJournal(seed: 32)
        try journal.append(20)
        let sealed = try journal.log.sealedGenerations()
        let path = journal.log.directory.segmentPath(sealed[1])
        for byte in stride(from: 3, to: 27_000, by: 1_777) {
            let scrubber = JournalScrubber(journal.log, bytesPerSecond: 1 << 20)
            journal.stepped.files.flipBit(of: path, byte: byte, bit: byte % 8)
            try scrub(scrubber, segments: UInt64(sealed.count), in: journal.stepped)
            let found = scrubber.facts().corruptRanges
            #expect(found.count == 1 && found.first?.path == path, "byte \(byte): \(found)")
            #expect(found.first?.bytes.contains(UInt64(byte)) == true, "byte \(byte): \(found)")
            // Healed bytes are seen as such the next time.
            journal.stepped.files.flipBit(of: path, byte: byte, bit: byte % 8)
            try scrub(scrubber, segments: UInt64(sealed.count) * 2, in: journal.stepped)
            #expect(scrubber.facts().corruptRanges.isEmpty, "byte \(byte)")
        }
        await journal.log.close()
    }

    @Test("A segment that is trimmed while it has its turn is no failure, and its ranges are forgotten")
    func trimmedMeanwhile() async throws {
        var journal = try TrimmedJournal(seed: 33)
        try journal.append(20)
        let sealed = try journal.log.sealedGenerations()
        journal.stepped.files.flipBit(of: journal.log.directory.segmentPath(sealed[0]), byte: 900, bit: 3)
        let scrubber = JournalScrubber(journal.log, bytesPerSecond: 1 << 20)
        try scrub(scrubber, segments: UInt64(sealed.count), in: journal.stepped)
        #expect(scrubber.facts().corruptRanges.count == 1)
        _ = try journal.log.trim(journal.inputs())
        try journal.append(12)
        for _ in 0..<20 { _ = try scrubber.step() }
        #expect(scrubber.facts().corruptRanges.isEmpty)
        await journal.log.close()
    }

    @Test("S7: what was in doubt, was written again and then never reached the disk in its first place is no damage")
    func doubtful() async throws {
        var journal = try TrimmedJournal(seed: 34)
        let files = journal.stepped.files
        try journal.append(2)
        var faults = DiskFaults()
        faults.syncsBeforeFailure = 0
        files.setFaults(faults)
        try journal.append(1)
        files.releaseLocks()
        files.setFaults(DiskFaults())
        // The page cache still shows the group whose sync failed: it is written again.
        try journal.reopen()
        #expect(journal.log.recovered.rewrittenBatches > 0)
        var generator = SeededGenerator(seed: 34)
        files.crash(using: &generator, keeping: Survivors.none)
        try journal.reopen()
        #expect(journal.log.recovered.corruptRanges.isEmpty)
        #expect(try journal.log.sealedGenerations() == [1])
        let scrubber = JournalScrubber(journal.log, bytesPerSecond: 1 << 20)
        try scrub(scrubber, segments: 2, in: journal.stepped)
        #expect(scrubber.facts().corruptRanges.isEmpty, "\(scrubber.facts().corruptRanges)")
        #expect(try journal.log.repairPlan(of: 1).isSound)
        #expect(try journal.readsBack())
        await journal.log.close()
    }

    @Test("C24: facts are told and repairs noted while a step reads the disk", .timeLimit(.minutes(1)))
    func neverWaits() async throws {
        let disk = SimulatedFileStore()
        let hooked = HookedFiles(disk)
        var journal = try TrimmedJournal(seed: 35, files: disk) { _ in hooked }
        try journal.append(20)
        let scrubber = JournalScrubber(journal.log, bytesPerSecond: 1 << 20)
        hooked.before(opening: 0) {
            // On the thread of the step: a lock that it holds would be waited for, for ever.
            _ = scrubber.facts()
            scrubber.onRepaired(1)
        }
        _ = try scrubber.step()
        #expect(hooked.hasRun)
        await journal.log.close()
    }

    @Test("Every segment has its turn before any has a second one; new ones queue up behind")
    func turns() {
        var schedule = ScrubSchedule(bytesPerSecond: 1_000)
        var seen: [UInt64] = []
        for round in 0..<12 as Range<UInt64> {
            let sealed = Array(1...(4 + round / 6))
            guard let next = schedule.next(of: sealed, at: BootInstant(nanoseconds: round)) else { break }
            seen.append(next)
            schedule.onVerified(next, at: BootInstant(nanoseconds: round))
        }
        #expect(seen.prefix(4) == [1, 2, 3, 4])
        for start in 0...(seen.count - 6) { #expect(Set(seen[start..<start + 6]).count >= 4, "\(seen)") }
        #expect(schedule.age(at: BootInstant(nanoseconds: 12)) <= .nanoseconds(6))
    }

    @Test("A segment that cannot be read does not count as verified: its age goes on growing")
    func skipped() {
        var schedule = ScrubSchedule(bytesPerSecond: 1_000)
        _ = schedule.next(of: [1, 2], at: BootInstant(nanoseconds: 0))
        schedule.onVerified(1, at: BootInstant(nanoseconds: 5))
        schedule.onSkipped(2)
        #expect(schedule.next(of: [1, 2], at: BootInstant(nanoseconds: 6)) == 1)
        #expect(schedule.age(at: BootInstant(nanoseconds: 9)) == .nanoseconds(9) && schedule.segments == 1)
    }

    @Test("The rate is kept; commits make it slower, by a bounded factor")
    func pace() {
        var schedule = ScrubSchedule(bytesPerSecond: 1_000)
        #expect(schedule.pause(after: 500, isCommitting: false) == .milliseconds(500))
        var whole = Duration.zero
        for _ in 0..<100 { whole += schedule.pause(after: 10, isCommitting: true) }
        #expect(whole > .seconds(1))
        #expect(whole <= .seconds(1) * ScrubSchedule.yieldFactor)
        #expect(schedule.bytes == 1_500)
    }
}
