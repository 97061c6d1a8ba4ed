// S13 over S1b: what is settled leaves, and a reader that needs it is told so; one that does not goes on.

import ClusterModel
import EventLog
import EventLogConformance
import MergeableState
import NodeEnvironment
import Testing

@testable import Personalization

@Suite struct EffectFloorTests {
    private static let all = [PartitionID(0)]
    private static let region = RegionNumber(1)

    private static func source(_ region: TestRegion) -> EffectSource {
        EffectSource(
            shards: region.router, log: region.disk,
            settings: EffectSettings(members: [Self.region], bounds: .standard), disk: region.loop,
            alarms: region.loop, clock: region.loop)
    }

    private static func drain(_ subscription: inout EffectSubscription) async throws -> [String] {
        var items: [String] = []
        while true {
            let effects = try await subscription.next(within: .zero)
            guard !effects.isEmpty else { return items }
            items += effects.compactMap {
                if case .interaction(let event) = $0.event { event.contentID } else { nil }
            }
        }
    }

    private static func read(
        _ region: TestRegion, from positions: [PartitionID: EffectPosition] = [:]
    ) async throws -> (items: [String], positions: [PartitionID: EffectPosition]) {
        var subscription = EffectSubscription(source(region))
        defer { subscription.end() }
        try await subscription.begin(all, from: positions, else: .earliest)
        let items = try await drain(&subscription)
        return (items, subscription.positions)
    }

    /// The floor moves to the newest ends record, and what lies below leaves.
    private static func settle(_ region: TestRegion) throws {
        let chain = try #require(region.lines.chains.first).chain
        let name = region.log.name
        region.onShard { $0.prune(Self.region, to: chain.tip.point) }
        region.disk.drop(below: [name: chain.tip.number])
        #expect(region.disk.logs().allSatisfy { $0.log.name != name || $0.log.incarnation >= chain.tip.number })
    }

    /// One region, whose first start is read to its middle and to its end, and its second start.
    private struct Life {
        var region: TestRegion
        var middle: [PartitionID: EffectPosition]
        var end: [PartitionID: EffectPosition]

        init() async throws {
            let loop = QueueLoop()
            let first = try await TestRegion(1, of: [1], loop: loop)
            first.send([first.click("a", client: 1)])
            middle = try await EffectFloorTests.read(first).positions
            first.send([first.click("b", client: 2)])
            end = try await EffectFloorTests.read(first, from: middle).positions
            region = try await TestRegion(1, of: [1], disk: first.disk, loop: loop)
            try region.agree(with: [region])
            region.send([region.click("c", client: 3)])
        }
    }

    @Test func aNewReaderBeginsAtTheFloor() async throws {
        let life = try await Life()
        var read = try await Self.read(life.region)
        #expect(read.items == ["a", "b", "c"])
        try Self.settle(life.region)
        read = try await Self.read(life.region)
        #expect(read.items == ["c"])
        life.region.send([life.region.click("d", client: 4)])
        read = try await Self.read(life.region, from: read.positions)
        #expect(read.items == ["d"])
    }

    @Test func aReaderThatMissedSomethingIsToldWhereItGoesOn() async throws {
        let life = try await Life()
        // One has begun before, and reads on only afterwards.
        var begun = EffectSubscription(Self.source(life.region))
        try await begun.begin(Self.all, from: life.middle, else: .earliest)
        try Self.settle(life.region)
        var oldest: EffectPosition?
        for turn in 0..<2 {
            do {
                if turn == 0 {
                    _ = try await Self.drain(&begun)
                } else {
                    _ = try await Self.read(life.region, from: life.middle)
                }
                Issue.record("reader \(turn) misses an event and does not hear of it")
            } catch let failure as EffectFailure {
                guard case .trimmed(PartitionID(0), let position) = failure else { throw failure }
                oldest = position
            }
        }
        begun.end()
        let read = try await Self.read(life.region, from: [PartitionID(0): try #require(oldest)])
        #expect(read.items == ["c"])
    }

    /// However many partitions were trimmed, and however often, it needs no cursor of them.
    @Test func aReaderThatSkipsGoesOnBehindWhatIsTrimmedAndSaysWhere() async throws {
        let life = try await Life()
        var begun = EffectSubscription(Self.source(life.region), trimmed: .skipped)
        defer { begun.end() }
        try await begun.begin(Self.all, from: life.middle, else: .earliest)
        try Self.settle(life.region)
        #expect(try await Self.drain(&begun) == ["c"])
        #expect(begun.takeSkipped() == Self.all)
        #expect(begun.takeSkipped().isEmpty)
        life.region.send([life.region.click("d", client: 4)])
        #expect(try await Self.drain(&begun) == ["d"])
        #expect(begun.takeSkipped().isEmpty)
        // Where it stands then is a cursor like any other.
        let read = try await Self.read(life.region, from: begun.positions)
        #expect(read.items.isEmpty)
    }

    @Test func aReaderThatMissesNothingGoesOn() async throws {
        let life = try await Life()
        try Self.settle(life.region)
        let read = try await Self.read(life.region, from: life.end)
        #expect(read.items == ["c"])
    }
}
