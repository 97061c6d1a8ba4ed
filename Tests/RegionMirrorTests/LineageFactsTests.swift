// How far logs may be extended and served (S1a).

import ClusterModel
import EventLog
import Testing

@testable import RegionMirror

@Suite struct LineageFactsTests {
    let older = Sample.log(1, incarnation: 7)
    let newer = Sample.log(1, incarnation: 9)

    @Test("S1a: what is sealed is not extended, its newer incarnations and other origins are")
    func seals() {
        var facts = LineageFacts()
        let stands = facts.seal(Sample.round(1, below: 9))
        #expect(stands && facts.seals.isSealed(older))
        #expect(facts.limit(of: older) == .sealed)
        #expect(facts.servedEnd(of: older) == nil)
        #expect(facts.limit(of: newer) == .open)
        #expect(facts.limit(of: Sample.log(1, region: 2, incarnation: 7)) == .open)
        let again = facts.seal(Sample.round(1, below: 9))
        let lower = facts.seal(Sample.round(1, below: 8))
        #expect(again && lower)
        #expect(facts.limit(of: Sample.log(1, incarnation: 8)) == .sealed)
    }

    @Test("S1a: agreed ends lift a seal up to them; one that is not listed has end 0 (HISTORIES 1)")
    func agreedEnds() throws {
        var facts = LineageFacts()
        _ = facts.seal(Sample.round(1, below: 9))
        let isNews = facts.onAgreed(try Sample.ends(older.name, writer: 9, [(7, 4)]))
        #expect(isNews)
        #expect(facts.limit(of: older) == .ends(Offset(4)))
        #expect(facts.servedEnd(of: older) == Offset(4))
        #expect(facts.limit(of: Sample.log(1, incarnation: 8)) == .ends(.zero))
        #expect(facts.limit(of: newer) == .open)
        #expect(facts.writer(of: older.name) == Incarnation(9))
    }

    @Test("S1a: a later writer's ends replace an earlier one's, never the other way, and none is news twice")
    func laterWriters() throws {
        var facts = LineageFacts()
        let first = try Sample.ends(older.name, writer: 9, [(7, 4)])
        let second = try Sample.ends(older.name, writer: 11, [(7, 4), (9, 30)])
        let outcomes = [facts.onAgreed(first), facts.onAgreed(second), facts.onAgreed(second), facts.onAgreed(first)]
        #expect(outcomes == [true, true, false, false])
        #expect(facts.limit(of: newer) == .ends(Offset(30)))
        #expect(facts.all == [second])
        #expect(facts.ends(of: RegionNumber(1)) == [second] && facts.ends(of: RegionNumber(2)).isEmpty)
    }

    @Test("S1a: what a round came to opens its seal and is told to nobody")
    func collected() throws {
        var facts = LineageFacts()
        _ = facts.seal(Sample.round(1, below: 9))
        let isLifted = facts.onCollected(try Sample.collected(older.name, Sample.round(1, below: 9), [(7, 6)]))
        #expect(isLifted && facts.limit(of: older) == .ends(Offset(6)))
        #expect(facts.servedEnd(of: older) == nil)
        #expect(facts.all.isEmpty)
        let isNews = facts.onAgreed(try Sample.ends(older.name, writer: 9, [(7, 4)]))
        #expect(isNews && facts.limit(of: older) == .ends(Offset(4)))
    }

    @Test("S1a: a new round takes back what an earlier one allowed; what is of an earlier one comes too late")
    func rounds() throws {
        var facts = LineageFacts()
        let first = Sample.round(1, below: 9)
        let collected = try Sample.collected(older.name, first, [(7, 6)])
        let tooEarly = facts.onCollected(collected)
        _ = facts.seal(first)
        let lifted = facts.onCollected(collected)
        #expect(!tooEarly && lifted && facts.limit(of: older) == .ends(Offset(6)))
        for newer in [first.next, Sample.round(1, below: 10)] {
            _ = facts.seal(newer)
            #expect(facts.limit(of: older) == .sealed)
            // Messages of the earlier round that were on their way for long.
            _ = facts.seal(first)
            let late = facts.onCollected(collected)
            #expect(!late && facts.limit(of: older) == .sealed)
            let current = facts.onCollected(try Sample.collected(older.name, newer, [(7, 2)]))
            #expect(current && facts.limit(of: older) == .ends(Offset(2)))
        }
    }

    @Test("agreed ends are bounded")
    func isBounded() throws {
        var limits = MirrorLimits()
        limits.agreedEnds = 1
        var facts = LineageFacts(limits: limits)
        let first = facts.onAgreed(try Sample.ends(Sample.log(1).name, writer: 9, []))
        let second = facts.onAgreed(try Sample.ends(Sample.log(2).name, writer: 9, []))
        let newer = facts.onAgreed(try Sample.ends(Sample.log(1).name, writer: 10, []))
        #expect([first, second, newer] == [true, false, true])
    }
}
