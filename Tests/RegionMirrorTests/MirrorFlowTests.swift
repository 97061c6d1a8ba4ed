// Bytes on their way between two regions: equal, in order, flushed, once, over restarts and a bad network.

import ClusterModel
import EventLog
import NodeEnvironment
import SimulatedEnvironment
import Synchronization
import Testing

@testable import RegionMirror

@Suite struct MirrorFlowTests {
    @Test("S8: logs arrive byte for byte, with equal chain digests, and are announced once they are here")
    func arrive() throws {
        let world = MirrorWorld(seed: 1, regions: 2)
        world.startAll()
        world.run(.milliseconds(50))
        for round in 0..<40 {
            for region in 1...2 { try world[region].append(to: round % 5, records: 1 + round % 7) }
            world.run(.milliseconds(Int64(round % 9)))
        }
        #expect(world.run { world.isEqual && world[1].log?.logs().count == 10 })
        for (region, other) in [(1, 2), (2, 1)] {
            for partition in 0..<5 {
                let log = world[region].own(partition)
                #expect(!world[region].bytes(of: log).isEmpty)
                #expect(world[region].bytes(of: log) == world[other].bytes(of: log))
            }
            let announced = world[other].consumer.appeared
            #expect(Set(announced) == Set((0..<5).map { world[region].own($0) }) && announced.count == 5)
        }
    }

    @Test("a mirror goes on where it stood after either side starts again, with lost power or killed")
    func restarts() throws {
        for seed in UInt64(0)..<8 {
            let world = MirrorWorld(seed: seed, regions: 2)
            world.startAll()
            for round in 0..<30 {
                world.run(.milliseconds(20))
                for region in 1...2 { try world[region].append(to: round % 3) }
                guard round % 7 == 6 else { continue }
                let region = 1 + Int(seed % 2 == 0 ? UInt64(round / 7) % 2 : seed / 2 % 2)
                if round % 2 == 0 { world[region].crash() } else { world[region].kill() }
                world.run(.milliseconds(150))
                world.start(region)
            }
            #expect(world.run { world.isEqual && world[1].log?.logs().count ?? 0 >= 9 }, "seed \(seed)")
            for summary in world[1].log?.logs() ?? [] {
                #expect(world[1].bytes(of: summary.log) == world[2].bytes(of: summary.log), "seed \(seed)")
            }
        }
    }

    @Test("what is on the holder's disk only, of an earlier start and of many logs, is served from there")
    func fromDisk() throws {
        let world = MirrorWorld(seed: 3, regions: 2)
        world.start(1)
        world.run(.milliseconds(20))
        for round in 0..<120 { try world[1].append(to: round % 20, records: 40, bytes: 900) }
        let old = world[1].own(0)
        world.run(.seconds(2))
        world[1].kill()
        world.start(1)
        world.run(.milliseconds(20))
        #expect(world[1].log?.recent(old, from: .zero, maxBytes: 1) == nil)
        try world[1].append(to: 0)
        world.start(2)
        #expect(world.run { world.isEqual && world[2].log?.logs().count == 21 })
        #expect(world[2].bytes(of: old) == world[1].bytes(of: old))
    }

    @Test("S6: nothing leaves that a power cut can still take", arguments: 0..<24 as Range<UInt64>)
    func onlyWhatIsFlushed(seed: UInt64) throws {
        let world = MirrorWorld(seed: seed, regions: 2)
        world.startAll()
        world.run(.milliseconds(50))
        world[1].machine.cutPower(afterFileOperations: Int(3 + seed * 2))
        let logs = (0..<3).map { world[1].own($0) }
        for round in 0..<60 where world[1].machine.isUp {
            try world[1].append(to: round % 3, records: 1 + round % 4)
            world.run(.milliseconds(Int64(round % 3)))
        }
        world.run(.milliseconds(300))
        world[1].crash()
        world.start(1)
        world.run(.milliseconds(50))
        for log in logs {
            let (kept, copy) = (world[1].bytes(of: log), world[2].bytes(of: log))
            #expect(copy.count <= kept.count && Array(kept.prefix(copy.count)) == copy, "seed \(seed)")
        }
    }

    @Test("lost, doubled and late calls neither lose nor double nor reorder a batch", arguments: 0..<6 as Range<UInt64>)
    func badNetwork(seed: UInt64) throws {
        let world = MirrorWorld(seed: seed, regions: 3)
        var faults = NetworkFaults()
        faults.lostCallsPerThousand = 60
        faults.duplicatedCallsPerThousand = 60
        faults.delayedMessagesPerThousand = 60
        world.simulation.network.setFaults(faults)
        world.startAll()
        world.run(.milliseconds(50))
        for round in 0..<60 {
            for region in 1...3 { try world[region].append(to: round % 4) }
            world.run(.milliseconds(25))
        }
        world.simulation.network.setFaults(NetworkFaults())
        #expect(world.run { world.isEqual && world[1].log?.logs().count == 12 }, "seed \(seed)")
        let lost = world.regions.flatMap { $0.mirror?.links() ?? [] }.reduce(0) { $0 + $1.lostLinks }
        #expect(lost > 0, "seed \(seed)")
    }

    @Test("a rate holds over seconds")
    func rate() throws {
        let world = MirrorWorld(seed: 5, regions: 2) { $0.maxBytesPerSecond = 100_000 }
        world.start(1)
        world.run(.milliseconds(20))
        for round in 0..<40 { try world[1].append(to: round % 4, records: 25, bytes: 1_000) }
        world.run(.seconds(1))
        let before = world.simulation.simulated
        world.start(2)
        #expect(world.run { world.isEqual && world[2].log?.logs().count == 4 })
        let took = world.simulation.simulated - before
        #expect(took > .seconds(7) && took < .seconds(13), "\(took)")
    }

    @Test("an engine that has no room for a while holds the mirror up, and nothing is lost or doubled")
    func backPressure() throws {
        let world = MirrorWorld(seed: 6, regions: 2)
        world.start(1)
        world.run(.milliseconds(20))
        for round in 0..<90 { try world[1].append(to: round % 3) }
        var generator = SeededGenerator(seed: 6)
        let answers = (0..<400).map { _ in generator.next() % 3 }
        let asked = Mutex(0)
        var faults = EngineFaults()
        faults.refusal = { batch in
            let answer = asked.withLock { count in
                defer { count += 1 }
                return count < answers.count ? answers[count] : 0
            }
            switch answer {
            case 1: return EventLogError(.backlogFull, log: batch.header.log, "full")
            case 2: return EventLogError(.noSpace, log: batch.header.log, "full")
            default: return nil
            }
        }
        world.start(2, faults)
        #expect(world.run { world.isEqual && world[2].log?.logs().count == 3 })
        #expect(asked.withLock { $0 } > 100)
        #expect(world[2].log?.taken == 90)
        #expect(world[2].link(to: 1)?.lostLinks == 0)
    }

    @Test("a cut is noticed after the heartbeat and the stall time-out, and heals")
    func stalls() throws {
        let world = MirrorWorld(seed: 7, regions: 2)
        world.startAll()
        #expect(world.run(until: .seconds(2)) { world[1].link(to: 2)?.isConnected == true })
        world.run(.seconds(2))
        #expect(world[1].link(to: 2)?.lostLinks == 0)
        world.simulation.network.cut("r1", "r2")
        world.run(MirrorWorld.stallTimeout)
        #expect(world[1].link(to: 2)?.isConnected == true)
        world.run(MirrorWorld.heartbeat * 2 + .milliseconds(50))
        let lost = world[1].link(to: 2)
        #expect(lost?.isConnected == false && lost?.lostLinks == 1 && lost?.lastFailure != nil)
        try world[2].append(to: 0)
        world.simulation.network.heal("r1", "r2")
        #expect(world.run(until: .seconds(5)) { world[1].link(to: 2)?.isConnected == true })
        #expect(world.run { world.isEqual })
    }

    @Test("lag is known while a link is slow, and gone when the mirror has caught up")
    func lag() throws {
        let world = MirrorWorld(seed: 8, regions: 2) { $0.maxBytesPerSecond = 20_000 }
        world.startAll()
        world.run(.milliseconds(100))
        for round in 0..<80 {
            try world[1].append(to: round % 2, records: 10, bytes: 100)
            world.run(.milliseconds(10))
        }
        world.run(.milliseconds(300))
        let behind = world[2].link(to: 1)
        #expect(behind?.lagEvents ?? 0 > 0 && behind?.lagMilliseconds ?? 0 > 0)
        #expect(world[1].mirror?.unmirrored() ?? 0 > 0)
        #expect(world.run { world[2].link(to: 1)?.lagEvents == 0 && world[1].mirror?.unmirrored() == 0 })
        #expect(world[2].link(to: 1)?.lagMilliseconds == 0)
        #expect(world[2].link(to: 1)?.lagP99Milliseconds ?? 0 > 100)
    }
}
