// S13: whatever the order of writes, copies, mirroring, flushes, crashes, commits and moves, a group that goes on from its
// last commit misses no effect, sees none twice within what it committed, and hears of nothing that is not flushed.

import ClusterModel
import EventLog
import EventLogConformance
import MergeableState
import NodeEnvironment
import Testing

@testable import Personalization

@Suite struct EffectHistoriesTests {
    /// One group over two regions, with all that it must remember.
    private struct Group {
        var subscription: EffectSubscription?
        /// Where it reads: 0 or 1.
        var place = 0
        var committed: [PartitionID: EffectPosition] = [:]
        /// Since the commit, and before it.
        var open: Set<MergeOrder> = []
        var done: Set<MergeOrder> = []
        /// Whether the region held all that the commit stands on when the group came: of what it did not hold it cannot tell
        /// copies.
        var isExact = false
        var exactBeginnings = 0
    }

    private struct World {
        let loop: QueueLoop
        var regions: [TestRegion]
        var sent: [SubmittedEvent] = []
        var random: SeededGenerator
        let seed: UInt64

        mutating func pick(_ count: Int) -> Int { Int(random.next() % UInt64(count)) }
    }

    private static func begin(_ group: inout Group, _ world: World) async throws {
        let region = world.regions[group.place]
        guard !region.disk.holdsFlushes else { return }
        let source = EffectSource(
            shards: region.router, log: region.disk,
            settings: EffectSettings(members: [RegionNumber(1), RegionNumber(2)], bounds: .standard),
            disk: world.loop, alarms: world.loop, clock: world.loop)
        var subscription = EffectSubscription(source)
        try await subscription.begin([PartitionID(0)], from: group.committed, else: .earliest)
        group.subscription = subscription
        group.open = []
        // What is settled there names no offsets any more: the shard has to have settled it as well.
        let applied = region.ask { $0.core.state.lines.effectPosition }
        group.isExact = group.committed.values.allSatisfy { holds($0, region.disk) && applied.covers($0) }
        if group.isExact { group.exactBeginnings += 1 }
    }

    private static func holds(_ position: EffectPosition, _ disk: MemoryEngine) -> Bool {
        position.lines.allSatisfy { region, line in
            line.entries.allSatisfy { entry in
                let name = LogName(region: region, topic: .userEvents, partition: PartitionID(0))
                return entry.next <= disk.flushedEnd(of: LogIdentity(name: name, incarnation: entry.incarnation))
            }
        }
    }

    /// Reads what there is, and checks it.
    private static func read(_ group: inout Group, _ world: World) async throws {
        guard var subscription = group.subscription else { return }
        let disk = world.regions[group.place].disk
        while true {
            let effects = try await subscription.next(within: .zero)
            guard !effects.isEmpty else { break }
            for effect in effects {
                let log = LogIdentity(
                    name: LogName(region: effect.region, topic: .userEvents, partition: effect.partition),
                    incarnation: effect.incarnation)
                #expect(effect.offset < disk.flushedEnd(of: log), "S6, seed \(world.seed)")
                let isRepeated = group.isExact && group.done.contains(effect.key)
                #expect(!isRepeated, "S5: committed before, seed \(world.seed)")
                let isNew = group.open.insert(effect.key).inserted
                #expect(isNew, "S5: told before, seed \(world.seed)")
            }
        }
        group.subscription = subscription
    }

    private static func leave(_ group: inout Group) {
        group.subscription?.end()
        group.subscription = nil
        group.open = []
    }

    private static func restart(_ place: Int, _ group: inout Group, _ world: inout World) async throws {
        if group.place == place { leave(&group) }
        let former = world.regions[place]
        former.disk.loseUnflushed()
        world.regions[place] = try await TestRegion(
            former.number.rawValue, disk: former.disk.copy(), loop: world.loop)
        if world.pick(2) == 0 {
            try world.regions[place].agree(with: world.regions)
        }
    }

    private static func act(_ group: inout Group, _ world: inout World) async throws {
        let place = world.pick(2)
        let region = world.regions[place]
        switch world.pick(16) {
        case 0...4:
            let event = region.click("item", client: world.random.next())
            world.sent.append(event)
            region.send([event])
        case 5, 6:
            // S5: a retry, here or in the other region.
            if !world.sent.isEmpty { region.send([world.sent[world.pick(world.sent.count)]]) }
        case 7: region.disk.holdsFlushes.toggle()
        case 8, 9: region.disk.flush()
        case 10:
            // The memory engine takes what waits for its flush a second time.
            if !region.disk.holdsFlushes { try region.pull(from: world.regions[1 - place]) }
        case 11: try await restart(place, &group, &world)
        case 12:
            if group.subscription == nil { try await begin(&group, world) }
        case 13, 14: try await read(&group, world)
        default:
            if world.pick(3) > 0, let subscription = group.subscription {
                group.committed = subscription.positions
                group.done.formUnion(group.open)
                group.open = []
            } else {
                leave(&group)
                group.place = place
            }
        }
        world.loop.advance(by: .milliseconds(Int64(world.pick(50))))
    }

    @Test(arguments: 1...60 as ClosedRange<UInt64>)
    func nothingIsMissed(seed: UInt64) async throws {
        let loop = QueueLoop()
        let (a, b) = try await TwoRegionTests.pair(loop)
        var world = World(loop: loop, regions: [a, b], random: SeededGenerator(seed: seed), seed: seed)
        var group = Group()
        for _ in 0..<300 { try await Self.act(&group, &world) }
        for region in world.regions {
            region.disk.holdsFlushes = false
            region.disk.flush()
        }
        try TwoRegionTests.heal(world.regions)
        if group.subscription == nil { try await Self.begin(&group, world) }
        try await Self.read(&group, world)
        Self.checkNothingMissed(group, world)
        Self.leave(&group)
    }

    /// What the check of repetitions stands on happens.
    @Test func groupsOftenGoOnWhereEverythingIsHeld() async throws {
        var exact = 0
        for seed in 101...110 as ClosedRange<UInt64> {
            let loop = QueueLoop()
            let (a, b) = try await TwoRegionTests.pair(loop)
            var world = World(loop: loop, regions: [a, b], random: SeededGenerator(seed: seed), seed: seed)
            var group = Group()
            for _ in 0..<300 { try await Self.act(&group, &world) }
            Self.leave(&group)
            exact += group.exactBeginnings
        }
        #expect(exact > 20, "\(exact)")
    }

    /// Every event that stands in the logs has been told, in this life or before the commit.
    private static func checkNothingMissed(_ group: Group, _ world: World) {
        let disk = world.regions[group.place].disk
        for summary in disk.logs() where summary.log.name.topic == .userEvents {
            for batch in disk.batches(of: summary.log) {
                for record in (try? batch.records()) ?? [] where record.kind == .interaction {
                    let key = MergeOrder(id: record.id, bodyDigest: record.bodyDigest)
                    #expect(
                        group.done.contains(key) || group.open.contains(key),
                        "\(summary.log) \(record.id), seed \(world.seed)")
                }
            }
        }
        #expect(group.done.count + group.open.count > 10, "seed \(world.seed)")
    }
}
