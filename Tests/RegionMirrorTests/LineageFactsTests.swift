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
        let isNew = facts.seal(RegionNumber(1), below: Incarnation(9))
        #expect(isNew && facts.seals.isSealed(older))
        #expect(facts.limit(of: older) == .sealed)
        #expect(facts.servedEnd(of: older) == nil)
        #expect(facts.limit(of: newer) == .open)
        #expect(facts.limit(of: Sample.log(1, region: 2, incarnation: 7)) == .open)
        let again = facts.seal(RegionNumber(1), below: Incarnation(9))
        let lower = facts.seal(RegionNumber(1), below: Incarnation(8))
        #expect(!again && !lower)
        #expect(facts.limit(of: Sample.log(1, incarnation: 8)) == .sealed)
    }

    @Test("S1a: agreed ends lift a seal up to them; one that is not listed has end 0 (HISTORIES 1)")
    func agreedEnds() throws {
        var facts = LineageFacts()
        facts.seal(RegionNumber(1), below: Incarnation(9))
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

    @Test("S1a: collected ends open the own seal and are told to nobody")
    func collected() throws {
        var facts = LineageFacts()
        facts.seal(RegionNumber(1), below: Incarnation(9))
        facts.onCollected(try Sample.ends(older.name, writer: 9, [(7, 6)]))
        #expect(facts.limit(of: older) == .ends(Offset(6)))
        #expect(facts.servedEnd(of: older) == nil)
        #expect(facts.all.isEmpty)
        let isNews = facts.onAgreed(try Sample.ends(older.name, writer: 9, [(7, 4)]))
        #expect(isNews && facts.limit(of: older) == .ends(Offset(4)))
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
