// S13, S6: every effect at least once, whatever interrupts its reader, and none of what is not flushed or came before.

import ClusterModel
import EventLog
import EventLogConformance
import MergeableState
import NodeEnvironment
import Testing

@testable import Personalization

@Suite struct EffectStreamTests {
    private static func source(_ region: TestRegion, maxIDs: Int = 1 << 20) -> EffectSource {
        EffectSource(
            shards: region.router, log: region.disk,
            settings: EffectSettings(
                members: [RegionNumber(1), RegionNumber(2)], bounds: .standard, maxIDs: maxIDs),
            disk: region.loop, alarms: region.loop, clock: region.loop)
    }

    private static let all = [PartitionID(0)]

    private static func items(_ effects: [Effect]) -> [String] {
        effects.compactMap { if case .interaction(let event) = $0.event { event.contentID } else { nil } }
    }

    /// Everything that there is now.
    private static func drain(_ subscription: inout EffectSubscription) async throws -> [Effect] {
        var effects: [Effect] = []
        while true {
            let more = try await subscription.next(within: .zero)
            guard !more.isEmpty else { return effects }
            effects += more
        }
    }

    @Test func aReaderHearsNewsOnceFlushed() async throws {
        let loop = QueueLoop()
        let a = try await TestRegion(1, loop: loop)
        a.send([a.click("before", client: 1)])
        var subscription = EffectSubscription(Self.source(a))
        try await subscription.begin(Self.all, from: [:], else: .latest)
        var heard = try await Self.drain(&subscription)
        #expect(heard.isEmpty)
        a.disk.holdsFlushes = true
        let event = a.click("news", client: 2)
        a.send([event])
        heard = try await Self.drain(&subscription)
        #expect(heard.isEmpty, "S6: nothing of an event that may still be lost")
        a.disk.flush()
        a.send([event])
        heard = try await Self.drain(&subscription)
        #expect(Self.items(heard) == ["news"], "S5: the repetition has no effect")
        subscription.end()
        a.disk.holdsFlushes = false
        a.send([a.click("later", client: 3)])
        #expect(a.ask { $0.core.effects == nil }, "nobody reads: nothing is kept")
    }

    @Test func anOldReaderReadsTheLogAndThenTheNews() async throws {
        let loop = QueueLoop()
        let (a, b) = try await TwoRegionTests.pair(loop)
        for client in 1...40 as ClosedRange<UInt64> { a.send([a.click("a\(client)", client: client)]) }
        for client in 41...60 as ClosedRange<UInt64> { b.send([b.click("b\(client)", client: client)]) }
        // The same event in both logs.
        let twice = a.click("twice", client: 99)
        a.send([twice])
        b.send([twice])
        try TwoRegionTests.heal([a, b])
        var subscription = EffectSubscription(Self.source(a))
        try await subscription.begin(Self.all, from: [:], else: .earliest)
        var heard = try await Self.drain(&subscription)
        #expect(heard.count == 61)
        #expect(Set(heard.map(\.key)).count == 61)
        a.send([a.click("news", client: 100)])
        heard = try await Self.drain(&subscription)
        #expect(Self.items(heard) == ["news"])
        // The position holds in the other region once it has the logs.
        try TwoRegionTests.heal([a, b])
        b.send([b.click("there", client: 101)])
        var other = EffectSubscription(Self.source(b))
        try await other.begin(Self.all, from: subscription.positions, else: .latest)
        heard = try await Self.drain(&other)
        #expect(Self.items(heard) == ["there"])
        subscription.end()
        other.end()
    }

    /// S13: a copy in another log has no effect even where its first record lies before the token.
    @Test func copiesBehindTheTokenHaveNoEffect() async throws {
        let loop = QueueLoop()
        let (a, b) = try await TwoRegionTests.pair(loop)
        let event = a.click("one", client: 7)
        a.send([event])
        var first = EffectSubscription(Self.source(a))
        try await first.begin(Self.all, from: [:], else: .earliest)
        var heard = try await Self.drain(&first)
        #expect(Self.items(heard) == ["one"])
        let token = first.positions
        first.end()
        b.send([event])
        try TwoRegionTests.heal([a, b])
        for region in [a, b] {
            var next = EffectSubscription(Self.source(region))
            try await next.begin(Self.all, from: token, else: .latest)
            heard = try await Self.drain(&next)
            #expect(heard.isEmpty, "S5: it had its effect before the token")
            next.end()
        }
    }

    @Test func aSlowReaderIsOvertakenAndMissesNothing() async throws {
        let loop = QueueLoop()
        let a = try await TestRegion(1, of: [1], loop: loop)
        var subscription = EffectSubscription(Self.source(a))
        try await subscription.begin(Self.all, from: [:], else: .latest)
        let count = EffectFeed.maxItems + 100
        for client in 1...UInt64(count) {
            a.send([a.click("i", client: client)])
            if client % 100 == 0 { loop.advance(by: .milliseconds(1)) }
        }
        let heard = try await Self.drain(&subscription)
        #expect(Set(heard.map(\.key.id.client)) == Set(1...UInt64(count)))
        #expect(heard.count == count)
        subscription.end()
    }

    @Test func aFencedShardEndsItsReaders() async throws {
        let loop = QueueLoop()
        let a = try await TestRegion(1, of: [1], loop: loop)
        var subscription = EffectSubscription(Self.source(a))
        try await subscription.begin(Self.all, from: [:], else: .latest)
        a.onShard { $0.end(because: "a failed sync") }
        await #expect(throws: EffectFailure.logFenced("a failed sync")) {
            _ = try await subscription.next(within: .zero)
        }
        subscription.end()
    }
}
