// Two and three regions that write at the same time, cut off and healed, through shards and by hand-made mirrors.

import ClusterModel
import EventLog
import EventLogConformance
import MergeableState
import NodeEnvironment
import Testing

@testable import Personalization

@Suite struct TwoRegionTests {
    /// Both regions, each agreed on its genesis and knowing the other's.
    static func pair(_ loop: QueueLoop) async throws -> (TestRegion, TestRegion) {
        let a = try await TestRegion(1, loop: loop)
        let b = try await TestRegion(2, loop: loop)
        try a.agree(with: [a, b])
        try b.agree(with: [a, b])
        try heal([a, b])
        return (a, b)
    }

    static func heal(_ regions: [TestRegion]) throws {
        for _ in 0..<2 {
            for one in regions {
                for other in regions where other.number != one.number {
                    one.hear(other.toldEnds)
                    try one.pull(from: other)
                }
            }
        }
    }

    /// S3, S10: replicas that applied the same events are equal, whatever the order of arrival, and equal to the fold of
    /// their logs. Retries through both regions count once (S5).
    @Test(arguments: 1...6 as ClosedRange<UInt64>)
    func regionsConverge(seed: UInt64) async throws {
        let loop = QueueLoop()
        let (a, b) = try await Self.pair(loop)
        var random = SeededGenerator(seed: seed)
        for client in 1...60 as ClosedRange<UInt64> {
            loop.advance(by: .milliseconds(Int64(random.next() % 400)))
            let event = a.click("item-\(random.next() % 5)", client: client)
            let first = random.next() % 2 == 0 ? a : b
            #expect(first.send([event]).value != nil, "seed \(seed)")
            if random.next() % 3 == 0 { #expect((first === a ? b : a).send([event]).value != nil, "seed \(seed)") }
            if random.next() % 4 == 0 { try (random.next() % 2 == 0 ? a : b).pull(from: first === a ? a : b) }
        }
        try Self.heal([a, b])
        #expect(a.report.vector == b.report.vector, "seed \(seed)")
        #expect(a.report.digest == b.report.digest, "seed \(seed)")
        #expect(try a.refoldedDigest() == a.report.digest, "seed \(seed)")
        #expect(a.facts.stopped.isEmpty && a.facts.held.isEmpty && a.facts.rebuilds == 0, "seed \(seed)")
    }

    /// HISTORIES 11, S3: registers are ordered by id time, id and digest, not by arrival.
    @Test func theNewerProfileWriteStandsEverywhere() async throws {
        let loop = QueueLoop()
        let (a, b) = try await Self.pair(loop)
        func profile(_ language: String, _ sequence: UInt16) -> SubmittedEvent {
            SubmittedEvent(
                id: EventID(at: loop.wallTime(), sequence: sequence, client: 9),
                event: .profile(ProfileEvent(user: TestRegion.user, language: language)))
        }
        let (older, newer) = (profile("en", 1), profile("pt", 2))
        a.send([older])
        b.send([newer])
        b.send([older])
        try Self.heal([a, b])
        a.send([older])
        for region in [a, b] {
            #expect(region.ask { $0.state.user(TestRegion.user)?.language.value } == "pt")
        }
        #expect(a.report.digest == b.report.digest)
    }

    /// HISTORIES 13 and 14, S9: an erase in the middle of a bucket, and a withdrawal against a concurrent grant.
    @Test func erasesAndWithdrawalsMeetConcurrentEvents() async throws {
        let loop = QueueLoop()
        let (a, b) = try await Self.pair(loop)
        func event(_ event: UserEvent, _ client: UInt64) -> SubmittedEvent {
            SubmittedEvent(id: EventID(at: loop.wallTime(), sequence: 0, client: client), event: event)
        }
        a.send([a.click("x", client: 1)])
        b.send([b.click("x", client: 2)])
        a.send([event(.erase(EraseEvent(user: TestRegion.user, cut: WallTime(milliseconds: 0))), 3)])
        loop.advance(by: .seconds(6))
        b.send([b.click("x", client: 4)])
        a.send([event(.consent(ConsentEvent(user: TestRegion.user, change: .withdrawal(replacing: []))), 5)])
        b.send([event(.consent(ConsentEvent(user: TestRegion.user, change: .grant(cancelling: []))), 6)])
        try Self.heal([a, b])
        #expect(a.report.digest == b.report.digest)
        for region in [a, b] {
            #expect(region.ask { $0.state.user(TestRegion.user)?.allowsPersonalization } == false)
        }
    }

    /// S12: "fresh within x" counts from the oldest member's time, so a region that is cut off makes an answer stale, and
    /// one that was never heard of even more so.
    @Test func aCutOffOriginHoldsBackFreshness() async throws {
        let loop = QueueLoop()
        let (a, b) = try await Self.pair(loop)
        loop.advance(by: .seconds(3))
        b.markTime()
        let cut = loop.wallTime()
        try Self.heal([a, b])
        for _ in 0..<10 {
            loop.advance(by: .seconds(3))
            a.markTime()
        }
        let origin = try a.slate().get().originTime
        #expect(origin <= cut && loop.wallTime() >= origin.advanced(by: .seconds(29)))
        let alone = try await TestRegion(3, of: [1, 2, 3], loop: loop)
        #expect(try alone.slate().get().originTime == WallTime(milliseconds: 0))
    }

    /// Contract of mirrors: each log reaches its shard, others nobody; content converges too.
    @Test func theRouterPassesEachLogToItsShard() async throws {
        let loop = QueueLoop()
        let (a, b) = try await Self.pair(loop)
        let items = try (0..<3).map { ContentEvent.publish(try ContentSamples.item("i\($0)")) }
        a.onContent { $0.publish(Array(items[..<2]), id: nil) { #expect((try? $0.get())?.written == 2) } }
        b.onContent { $0.publish(Array(items[2...]), id: nil) { #expect((try? $0.get())?.written == 1) } }
        for (topic, partition) in [(TopicID.userEvents, UInt32(1)), (.models, 0), (.content, 1), (TopicID(99), 0)] {
            let name = LogName(region: b.number, topic: topic, partition: PartitionID(partition))
            a.router.logAppeared(LogIdentity(name: name, incarnation: Incarnation(5)))
            let ends = AgreedEnds(name: name, writer: Incarnation(6), ends: try #require(EndsRecord([])))
            a.router.endsHeard(try #require(ends))
            a.router.cursorMoved(of: b.number, in: LogIdentity(name: name, incarnation: Incarnation(5)), to: Offset(9))
        }
        try Self.heal([a, b])
        let digests = [a, b].map { region in region.askContent { $0.state.catalogue.digest } }
        #expect(digests[0] == digests[1])
        var catalogue = a.askContent { $0.state.catalogue }
        #expect(catalogue.snapshot().count == 3)
        #expect(a.facts.followedLogs == 1)
    }
}
