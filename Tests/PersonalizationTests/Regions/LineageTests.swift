// Disks that are lost, copied and come back, against agreed ends: S1, S1a, S2, S5, S12 and the histories that broke
// earlier rules.

import ClusterModel
import EventLog
import EventLogConformance
import MergeableState
import NodeEnvironment
import Testing

@testable import Personalization

@Suite struct LineageTests {
    /// Everybody has agreed and knows everything.
    private func start(_ members: [UInt16], _ loop: QueueLoop) async throws -> [TestRegion] {
        var regions: [TestRegion] = []
        for number in members {
            regions.append(try await TestRegion(number, of: members, loop: loop))
        }
        for region in regions { try region.agree(with: regions) }
        try TwoRegionTests.heal(regions)
        return regions
    }

    /// Lets more than R + 2D pass on all origins: ids are forgotten where all times move.
    private func pass(_ regions: [TestRegion], _ loop: QueueLoop) throws {
        loop.advance(by: .seconds(620))
        for region in regions { region.markTime() }
        try TwoRegionTests.heal(regions)
        loop.advance(by: .seconds(3))
        for region in regions { region.markTime() }
        try TwoRegionTests.heal(regions)
    }

    private func expectEqual(_ regions: [TestRegion]) throws {
        for region in regions {
            #expect(region.report.digest == regions[0].report.digest, "region \(region.number)")
            #expect(region.facts.stopped.isEmpty && !region.isRebuilding, "region \(region.number)")
            #expect(try region.refoldedDigest(regions.map(\.number.rawValue)) == region.report.digest)
        }
    }

    /// HISTORIES 1, S1a: an incarnation's tail that is not part of its agreed end never counts, even when the disk that
    /// holds it comes back after all have forgotten the event's id.
    @Test func aTailBeyondTheAgreedEndStaysOut() async throws {
        let loop = QueueLoop()
        let regions = try await start([1, 2, 3], loop)
        let (a, b, c) = (regions[0], regions[1], regions[2])
        let event = a.click("x", client: 1)
        #expect(a.send([event]).value != nil)
        let old = a.disk.copy()
        #expect(b.send([event]).value != nil)
        let empty = try await TestRegion(1, of: [1, 2, 3], loop: loop)
        try TwoRegionTests.heal([empty, b, c])
        try empty.agree(with: [empty, b, c])
        try TwoRegionTests.heal([empty, b, c])
        try pass([empty, b, c], loop)
        #expect(b.report.indexedIDs == 0 && b.clicks(on: "x") == 1)
        let back = try await TestRegion(1, of: [1, 2, 3], disk: old, loop: loop)
        #expect(back.clicks(on: "x") == 1)
        try TwoRegionTests.heal([back, b, c])
        try back.agree(with: [back, b, c])
        try TwoRegionTests.heal([back, b, c])
        #expect(back.facts.rebuilds == 1)
        #expect([back, b, c].map { $0.clicks(on: "x") } == [1, 1, 1])
        try expectEqual([back, b, c])
    }

    /// HISTORIES 3, S2: a member that lost its disk has no time for an origin whose line begins unlinked, so it keeps the
    /// ids that the origin's old log will bring once more.
    @Test func anUnlinkedLineForgetsNothing() async throws {
        let loop = QueueLoop()
        let regions = try await start([1, 2, 3], loop)
        let (a, b, c) = (regions[0], regions[1], regions[2])
        let event = a.click("x", client: 1)
        a.send([event])
        b.send([event])
        try TwoRegionTests.heal(regions)
        try pass(regions, loop)
        #expect(b.report.indexedIDs == 0 && c.clicks(on: "x") == 1)
        let a2 = try await TestRegion(1, of: [1, 2, 3], loop: loop)
        let c2 = try await TestRegion(3, of: [1, 2, 3], loop: loop)
        try c2.pull(from: b.disk) { $0.name.region == b.number }
        try c2.pull(from: a2.disk) { $0.incarnation == a2.plan.incarnation }
        c2.hear(b.toldEnds)
        #expect(c2.lines.time(of: a2.number) == nil && c2.report.indexedIDs == 1)
        try c2.pull(from: b)
        for region in [a2, c2] {
            try region.pull(from: b)
            try region.agree(with: [a2, b, c2])
        }
        try TwoRegionTests.heal([a2, b, c2])
        #expect(c2.lines.time(of: a2.number) != nil)
        #expect([a2, b, c2].map { $0.clicks(on: "x") } == [1, 1, 1])
        try expectEqual([a2, b, c2])
    }

    /// HISTORIES 4, S1a: a line that is linked above an agreed end is applied everywhere, and so is what it took.
    @Test func aLineLinkedAboveAnAgreedEndIsApplied() async throws {
        let loop = QueueLoop()
        let regions = try await start([1, 2], loop)
        let (a, b) = (regions[0], regions[1])
        #expect(b.send([b.click("tail", client: 1)]).value != nil)
        let old = b.disk.copy()
        let empty = try await TestRegion(2, loop: loop)
        try TwoRegionTests.heal([a, empty])
        try empty.agree(with: [a, empty])
        try TwoRegionTests.heal([a, empty])
        let back = try await TestRegion(2, disk: old, loop: loop)
        #expect(back.send([back.click("e", client: 2)]).value != nil)
        try TwoRegionTests.heal([a, back])
        #expect(a.clicks(on: "e") == 1 && back.clicks(on: "e") == 1)
        #expect(a.clicks(on: "tail") == 0 && back.clicks(on: "tail") == 0)
        try back.agree(with: [a, back])
        try TwoRegionTests.heal([a, back])
        #expect(a.report.vector == back.report.vector && a.report.vector.entries.count == 2)
        try expectEqual([a, back])
    }

    /// HISTORIES 5, S1a: a member that pulled a tail after its end was agreed cuts it, and takes no calls meanwhile.
    @Test func aMemberThatAppliedATailIsFoldedAnew() async throws {
        let loop = QueueLoop()
        let regions = try await start([1, 2, 3], loop)
        let (a, b, c) = (regions[0], regions[1], regions[2])
        b.send([b.click("tail", client: 1)])
        let old = b.disk.copy()
        let empty = try await TestRegion(2, of: [1, 2, 3], loop: loop)
        try TwoRegionTests.heal([a, empty])
        try empty.agree(with: [a, empty])
        try TwoRegionTests.heal([a, empty])
        try c.pull(from: old)
        #expect(c.clicks(on: "tail") == 1)
        c.disk.holdsFlushes = true
        let own = c.send([c.click("own", client: 2)])
        c.hear(a.toldEnds)
        // The own append has to be flushed before the log can be read to its end.
        #expect(c.isRebuilding && own.all.isEmpty)
        #expect(c.send([c.click("later", client: 3)]).error == .rebuilding)
        #expect(throws: ShardError.rebuilding) { try c.slate().get() }
        let snapshot = TestRegion.Answers<ShardState?>()
        c.onShard { $0.flushedView { snapshot.keep($0) } }
        #expect(snapshot.all.count == 1 && (snapshot.value ?? nil)?.partition == nil)
        c.disk.holdsFlushes = false
        c.loop.turn { c.disk.flush() }
        #expect(own.value != nil && !c.isRebuilding && c.facts.rebuilds == 1)
        #expect(c.clicks(on: "tail") == 0 && c.clicks(on: "own") == 1)
        try TwoRegionTests.heal([a, empty, c])
        try expectEqual([a, empty, c])
        // It goes on: new events of all origins reach it, and its own reach the others.
        #expect(c.send([c.click("more", client: 4)]).value != nil)
        empty.send([empty.click("more", client: 5)])
        try TwoRegionTests.heal([a, empty, c])
        #expect([a, empty, c].map { $0.clicks(on: "more") } == [2, 2, 2])
        try expectEqual([a, empty, c])
    }

    /// S1a: where the log cannot be read the shard stays out of service, says so, and tries again.
    @Test func aRebuildThatFailsIsTriedAgain() async throws {
        let loop = QueueLoop()
        let regions = try await start([1, 2], loop)
        let (a, b) = (regions[0], regions[1])
        b.send([b.click("tail", client: 1)])
        try a.pull(from: b)
        let name = b.log.name
        let end = EndsRecord.End(incarnation: b.log.incarnation, end: Offset(2))
        a.disk.failingReads = 2
        let record = try #require(EndsRecord(on: a.lines.base(of: b.number), [end]))
        let next = Incarnation(b.log.incarnation.rawValue + 1)
        a.hear([try #require(AgreedEnds(name: name, writer: next, ends: record))])
        #expect(a.isRebuilding && a.facts.rebuilding == 1)
        #expect(a.facts.stopped.map(\.reason).contains { $0.contains("bad sector") })
        #expect(await a.router.stoppedLogs().map(\.0) == [a.log])
        loop.advance(by: .seconds(1))
        #expect(!a.isRebuilding && a.clicks(on: "tail") == 0 && a.facts.stopped.isEmpty)
        #expect(a.send([a.click("x", client: 2)]).value != nil)
    }

    /// HISTORIES 17, S12: a token that names a `buffered` record which died is LOST_TAIL as soon as the end below it is
    /// agreed, and is never satisfied by another record. Other entries are judged by themselves.
    @Test func aTokenOfALostRecordIsLostAtOnce() async throws {
        let loop = QueueLoop()
        let regions = try await start([1, 2], loop)
        let (a, b) = (regions[0], regions[1])
        let kept = try #require(a.send([a.click("kept", client: 1)]).value).session
        a.disk.holdsFlushes = true
        let buffered = try #require(a.send([a.click("lost", client: 2)], durability: .buffered).value).session
        a.disk.loseUnflushed()
        let after = try await TestRegion(1, disk: a.disk.copy(), loop: loop)
        for client in 3...6 as ClosedRange<UInt64> { after.send([after.click("new", client: client)]) }
        let away = VersionVector.Entry(region: b.number, incarnation: b.log.incarnation, next: Offset(500))
        let session = VersionVector(kept.entries + buffered.entries + [away])
        func outcome(_ region: TestRegion) throws -> SessionOutcome {
            try #require(try region.slate(session).get().session)
        }
        #expect(try outcome(after) == SessionOutcome(pending: buffered.entries + [away]))
        try TwoRegionTests.heal([after, b])
        try after.agree(with: [after, b])
        #expect(try outcome(after) == SessionOutcome(pending: [away], lost: buffered.entries))
        // Another region says the same as soon as it hears of the ends, before it has applied them.
        b.hear(after.toldEnds)
        #expect(try outcome(b) == SessionOutcome(pending: [away], lost: buffered.entries))
        #expect(try after.slate(buffered, requireSession: true).get().session?.lost == buffered.entries)
        #expect(throws: ShardError.self) { try after.slate(session, requireSession: true).get() }
        #expect(try after.slate(kept, requireSession: true).get().session == SessionOutcome())
    }
}
