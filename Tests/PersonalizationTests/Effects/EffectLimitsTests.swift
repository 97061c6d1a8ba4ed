// S13: what trimming, slow readers and busy partitions do to a reader, and what they do not.

import ClusterModel
import EventLog
import EventLogConformance
import MergeableState
import NodeEnvironment
import Synchronization
import Testing

@testable import Personalization

@Suite struct EffectLimitsTests {
    private static let all = [PartitionID(0)]

    private static func source(_ region: TestRegion) -> EffectSource {
        EffectSource(
            shards: region.router, log: region.disk,
            settings: EffectSettings(members: [RegionNumber(1)], bounds: .standard), disk: region.loop,
            alarms: region.loop, clock: region.loop)
    }

    /// A region with `count` clicks, each in a batch of its own.
    private static func region(_ count: UInt64, _ loop: QueueLoop) async throws -> TestRegion {
        let region = try await TestRegion(1, of: [1], loop: loop)
        for client in 1...count {
            region.send([region.click("i", client: client)])
            loop.advance(by: .milliseconds(20))
        }
        return region
    }

    private static func drain(_ subscription: inout EffectSubscription) async throws -> [UInt64] {
        var clients: [UInt64] = []
        while true {
            let more = try await subscription.next(within: .zero)
            guard !more.isEmpty else { return clients }
            clients += more.map(\.key.id.client)
        }
    }

    // MARK: Trimming

    @Test func aReaderBehindTheTrimmedPartIsToldWhereItCanGoOn() async throws {
        let region = try await Self.region(30, QueueLoop())
        let batches = region.disk.batches(of: region.log)
        let cut = try #require(batches.dropFirst(10).first?.header.baseOffset)
        region.disk.trim(region.log, below: cut)
        var early = EffectPosition()
        early.advance(region.number, region.log.incarnation, to: Offset(3))
        var subscription = EffectSubscription(Self.source(region))
        try await subscription.begin([PartitionID(0)], from: [PartitionID(0): early], else: .latest)
        let failure = await #expect(throws: EffectFailure.self) {
            _ = try await subscription.next(within: .zero)
        }
        subscription.end()
        guard case .trimmed(PartitionID(0), let oldest) = failure else {
            Issue.record("\(String(describing: failure))")
            return
        }
        #expect(oldest.next(in: region.number, region.log.incarnation) == cut)
        for (start, position) in [(EffectSubscription.Start.latest, oldest), (.earliest, nil)] {
            var next = EffectSubscription(Self.source(region))
            try await next.begin(Self.all, from: position.map { [PartitionID(0): $0] } ?? [:], else: start)
            let heard = try await Self.drain(&next)
            #expect(heard.count == batches.dropFirst(10).reduce(0) { $0 + Int($1.header.count) })
            #expect(heard.last == 30)
            next.end()
        }
    }

    /// Trimming what a reader has read is nothing to it, and what its replay only marks neither.
    @Test func aReaderBeyondTheTrimmedPartGoesOn() async throws {
        let region = try await Self.region(30, QueueLoop())
        let batches = region.disk.batches(of: region.log)
        let cut = try #require(batches.dropFirst(10).first?.header.baseOffset)
        region.disk.trim(region.log, below: cut)
        var position = EffectPosition()
        position.advance(region.number, region.log.incarnation, to: cut.advanced(by: 5))
        var subscription = EffectSubscription(Self.source(region))
        try await subscription.begin(Self.all, from: [PartitionID(0): position], else: .latest)
        let heard = try await Self.drain(&subscription)
        #expect(heard.last == 30 && heard == heard.sorted() && !heard.isEmpty)
        subscription.end()
    }

    // MARK: Slow readers

    /// More readers that stand still in the log than there is room for: the next one waits a while, and is let in; those
    /// go on afterwards and miss nothing.
    @Test func readersThatStandStillGiveWay() async throws {
        let loop = QueueLoop()
        let count = UInt64(EffectSubscription.maxEffects + 100)
        let region = try await Self.region(count, loop)
        let source = Self.source(region)
        var slow: [EffectSubscription] = []
        var heard: [[UInt64]] = []
        for _ in 0..<EffectSource.maxReplays {
            var subscription = EffectSubscription(source)
            try await subscription.begin(Self.all, from: [:], else: .earliest)
            let effects = try await subscription.next(within: .zero)
            heard.append(effects.map(\.key.id.client))
            slow.append(subscription)
        }
        #expect(source.replaysRunning == EffectSource.maxReplays)
        var another = EffectSubscription(source)
        try await another.begin(Self.all, from: [:], else: .earliest)
        let none = try await another.next(within: .zero)
        #expect(none.isEmpty && source.replaysRevoked == 0, "those that moved a moment ago keep their places")
        loop.advance(by: EffectSource.replayPatience)
        let all = try await Self.drain(&another)
        #expect(Set(all) == Set(1...count) && source.replaysRevoked == 1)
        another.end()
        loop.advance(by: EffectSource.replayPatience)
        for place in slow.indices {
            heard[place] += try await Self.drain(&slow[place])
            #expect(heard[place].count == Int(count) && Set(heard[place]) == Set(1...count), "reader \(place)")
            slow[place].end()
        }
        #expect(source.replaysRunning == 0)
    }

    /// S13, bounds: whatever waits in the ring, a delivery takes its share and the rest stays there.
    @Test func aReaderThatWaitsHoldsOneWindow() async throws {
        let world = ScriptedEffects(partitions: 8)
        var subscription = EffectSubscription(world.source)
        try await subscription.begin(world.partitions.all.map { $0 }, from: [:], else: .latest)
        for partition in world.partitions.all { world.tell(2_000, in: partition, bytes: 100) }
        for _ in 0..<8 {
            let effects = try await subscription.next(within: .zero)
            #expect(effects.count == EffectSubscription.maxEffects)
            #expect(subscription.heldBytes <= EffectSubscription.maxBytes + EffectTail.mergedBytes)
        }
        subscription.end()
    }

    /// A partition whose live effects never end does not keep another one from its history.
    @Test func aBusyPartitionDoesNotHoldUpAnotherOnesReplay() async throws {
        let world = ScriptedEffects(partitions: 2)
        let (busy, quiet) = (PartitionID(0), PartitionID(1))
        // Not where the live effects stand: it has to look into the log first.
        var position = EffectPosition()
        position.advance(RegionNumber(9), Incarnation(1), to: Offset(1))
        var subscription = EffectSubscription(world.source)
        try await subscription.begin([busy, quiet], from: [quiet: position], else: .latest)
        world.tell(1, in: quiet, bytes: 100)
        var heard: [Effect] = []
        for _ in 0..<10 {
            world.tell(1, in: busy, bytes: 100)
            heard += try await subscription.next(within: .zero)
        }
        #expect(heard.contains { $0.partition == quiet })
        subscription.end()
    }
}

/// Live effects by hand, over logs that hold nothing.
private final class ScriptedEffects: EffectRouting {
    let partitions: PartitionCount
    private let feeds: [EffectFeed]
    private let loop = QueueLoop()
    private let ends: Mutex<[UInt64]>
    private static let incarnation = Incarnation(4)

    init(partitions count: Int) {
        partitions = PartitionCount(count) ?? .standard
        feeds = (0..<count).map { _ in EffectFeed() }
        ends = Mutex(Array(repeating: 0, count: count))
        for feed in feeds { feed.publish([.restart(EffectPosition())]) }
    }

    var source: EffectSource {
        EffectSource(
            shards: self, log: MemoryEngine(), settings: EffectSettings(members: [RegionNumber(1)], bounds: .standard),
            disk: loop, alarms: loop, clock: loop)
    }

    func attach(_ reader: EffectReader, to partition: PartitionID) async -> EffectAttachment {
        let feed = feeds[Int(partition.rawValue)]
        feed.attach(reader)
        return EffectAttachment(feed: feed, known: KnownEnds())
    }

    /// Publishes items of one effect each.
    func tell(_ count: Int, in partition: PartitionID, bytes: Int) {
        for _ in 0..<count {
            let offset = ends.withLock { ends in
                defer { ends[Int(partition.rawValue)] += 1 }
                return ends[Int(partition.rawValue)]
            }
            let effect = Effect(
                key: MergeOrder(id: EventID(time: offset + 1, client: UInt64(partition.rawValue)), bodyDigest: 1),
                event: .erase(EraseEvent(user: UserKey(userID: "u"), cut: WallTime(milliseconds: 1))), stamp: .zero,
                partition: partition, region: RegionNumber(1), incarnation: Self.incarnation, offset: Offset(offset),
                bytes: bytes)
            feeds[Int(partition.rawValue)].publish([
                .item(
                    EffectItem(
                        region: RegionNumber(1), incarnation: Self.incarnation, next: Offset(offset + 1),
                        effects: [effect]))
            ])
        }
    }
}
