// HISTORIES 26 in its smallest form, and a start that writes nothing yet (S1b): the other rows are in HistoriesTests,
// LineageHistoryTests and TwoProcessesHistoryTests by their numbers.

import ClusterModel
import EventLog
import EventLogConformance
import Testing

@testable import Personalization

@Suite struct LineageHistoriesTests {
    @Test("HISTORIES 26, S1a: a tail is lost everywhere and its successor is mirrored: the writer agrees all the same")
    func history26ALostTailWithAMirroredSuccessor() async throws {
        let loop = QueueLoop()
        let (a, b) = try await TwoRegionTests.pair(loop)
        a.send([a.click("x", client: 1)])
        try b.pull(from: a)
        // The tail stands on one disk only, and the next start's opening names it.
        a.send([a.click("tail", client: 2)])
        let next = try await TestRegion(1, disk: a.disk.copy(), loop: loop)
        next.send([next.click("y", client: 3)])
        try b.pull(from: next.disk) { $0.incarnation == next.plan.incarnation }
        #expect(b.clicks(on: "y") == 0, "it waits for what its opening names")
        // That disk is lost.
        let last = try await TestRegion(1, loop: loop)
        try TwoRegionTests.heal([last, b])
        try last.agree(with: [last, b])
        try TwoRegionTests.heal([last, b])
        #expect(last.lines.hasApplied(endsOf: last.plan.incarnation, in: last.number))
        #expect(b.lines.hasApplied(endsOf: last.plan.incarnation, in: last.number))
        for region in [last, b] {
            #expect(["x", "tail", "y"].map { region.clicks(on: $0) } == [1, 0, 1])
            #expect(region.facts.stopped.isEmpty && !region.isRebuilding && region.lines.time(of: last.number) != nil)
        }
        #expect(last.report.digest == b.report.digest)
    }

    @Test("S1b: while a start has opened nothing its doors say why, and reads go on; the clock is another matter")
    func aHeldGateTakesNothing() async throws {
        let loop = QueueLoop()
        let a = try await TestRegion(1, of: [1], loop: loop)
        #expect(a.send([a.click("x", client: 1)]).value != nil)
        let end = a.disk.flushedEnd(of: a.log)
        a.stamps.hold(because: "region c is away")
        #expect(a.send([a.click("x", client: 2)]).error == .startsUnsettled("region c is away"))
        let published = TestRegion.Answers<PublishOutcome>()
        let event = ContentEvent.publish(try ContentSamples.item("x"))
        a.onContent { $0.publish([event], id: nil) { published.keep($0) } }
        #expect(published.error == .startsUnsettled("region c is away"))
        loop.advance(by: .seconds(60))
        a.markTime()
        #expect(a.disk.flushedEnd(of: a.log) == end, "nor does it mark its time")
        #expect(try a.slate().get().originTime <= loop.wallTime())
        #expect(a.stamps.time(of: loop) != nil, "the clock is trusted all the same")
        a.stamps.release()
        #expect(a.send([a.click("x", client: 2)]).value != nil && a.clicks(on: "x") == 2)
        a.stamps.close()
        #expect(a.send([a.click("x", client: 3)]).error == .clockUntrusted)
    }
}
