// Acks of other regions on their way back to the origin (S11).

import ClusterModel
import EventLog
import NodeEnvironment
import SimulatedEnvironment
import Synchronization
import Testing

@testable import RegionMirror

@Suite struct MirrorCursorTests {
    @Test("S11: a cursor comes after the flush over there, rises, and counts every region once")
    func afterTheFlush() throws {
        let world = MirrorWorld(seed: 1, regions: 3)
        let tooEarly = Mutex(0)
        world[1].consumer.onEveryCursor { cursor in
            let flushed = world[Int(cursor.region.rawValue)].end(of: cursor.log)
            if flushed < cursor.end { tooEarly.withLock { $0 += 1 } }
        }
        world.startAll()
        world.run(.milliseconds(50))
        for round in 0..<30 {
            try world[1].append(to: round % 2)
            world.run(.milliseconds(Int64(round % 5)))
        }
        let logs = (0..<2).map { world[1].own($0) }
        #expect(
            world.run {
                logs.allSatisfy { log in
                    let end = world[1].end(of: log)
                    return end > .zero && (2...3).allSatisfy { world[1].consumer.cursor(of: $0, in: log) == end }
                }
            })
        #expect(tooEarly.withLock { $0 } == 0)
        #expect(world[1].mirror?.unmirrored() == 0)
        for log in logs {
            for region in 2...3 {
                let ends = world[1].consumer.cursors.filter {
                    $0.log == log && $0.region == RegionNumber(UInt16(region))
                }.map(\.end)
                #expect(ends == ends.sorted() && Set(ends).count == ends.count)
            }
        }
    }

    @Test("S11: across a cut link a relay passes cursors on, as those of the region that flushed")
    func relayed() throws {
        let world = MirrorWorld(seed: 2, regions: 3)
        world.simulation.network.cut("r1", "r3")
        world.startAll()
        world.run(.milliseconds(500))
        for round in 0..<10 {
            try world[1].append(to: 0)
            world.run(.milliseconds(Int64(round)))
        }
        let log = world[1].own(0)
        #expect(world.run { world[3].end(of: log) == world[1].end(of: log) })
        #expect(world.run { world[1].consumer.cursor(of: 3, in: log) == world[1].end(of: log) })
        #expect(world[1].consumer.cursor(of: 2, in: log) == world[1].end(of: log))
    }

    @Test("S11: what a region had flushed before its link was cut reaches the origin by a relay too")
    func relayedAfterTheCut() throws {
        let world = MirrorWorld(seed: 3, regions: 3)
        world.startAll()
        world.run(.milliseconds(200))
        let log = world[1].own(0)
        try world[1].append(to: 0)
        while world[3].end(of: log) == .zero, world.simulation.simulated < .seconds(5) { world.run(.microseconds(20)) }
        // The report is on its way, and nothing more will move.
        world.simulation.network.cut("r3", "r1")
        #expect(world[3].end(of: log) == world[1].end(of: log) && world[3].end(of: log) > .zero)
        #expect(world[1].consumer.cursor(of: 3, in: log) == nil)
        #expect(world.run { world[1].consumer.cursor(of: 3, in: log) == world[1].end(of: log) })
    }

    @Test("S11: a cursor that was lost with its link is told again")
    func toldAgain() throws {
        let world = MirrorWorld(seed: 4, regions: 2)
        world.startAll()
        world.run(.milliseconds(200))
        try world[1].append(to: 0)
        let log = world[1].own(0)
        #expect(world.run { world[1].consumer.cursor(of: 2, in: log) == world[1].end(of: log) })
        world[1].kill()
        world.run(.milliseconds(300))
        // The new process learns what region 2 holds of the old incarnation, although nothing moves there.
        let told = { world[1].consumer.cursors.count { $0.log == log } }
        let before = told()
        world.start(1)
        #expect(world.run { told() > before && world[1].mirror?.unmirrored() == 0 })
    }

    /// Waiters kept what an earlier start had said: a repetition was acknowledged from a disk that was gone.
    @Test("S11: a newer start takes back all that an earlier one said, before it says anything")
    func takenBack() throws {
        let world = MirrorWorld(seed: 6, regions: 2)
        world.startAll()
        world.run(.milliseconds(50))
        for log in 0..<2 { try world[1].append(to: log) }
        let logs = (0..<2).map { world[1].own($0) }
        #expect(
            world.run {
                logs.allSatisfy { world[1].consumer.cursor(of: 2, in: $0) == world[1].end(of: $0) }
            })
        let before = world[1].consumer.cursors.count
        world[2].crash()
        world.start(2)
        #expect(
            world.run { logs.allSatisfy { log in world[1].consumer.cursors[before...].contains { $0.log == log } } })
        for log in logs {
            let first = try #require(world[1].consumer.cursors[before...].first { $0.log == log })
            #expect(first.end == .zero)
        }
        #expect(
            world.run {
                logs.allSatisfy { world[1].consumer.cursor(of: 2, in: $0) == world[1].end(of: $0) }
            })
    }

    @Test("S11: cursors in the middle of an old log are checked on the disk")
    func lookedUp() throws {
        let world = MirrorWorld(seed: 5, regions: 2) { $0.maxBytesPerSecond = 60_000 }
        world.start(1)
        world.run(.milliseconds(50))
        for _ in 0..<600 { try world[1].append(to: 0, records: 2, bytes: 100) }
        world.run(.seconds(1))
        let log = world[1].own(0)
        world.start(2)
        #expect(world.run { world[2].end(of: log) == world[1].end(of: log) && world[2].end(of: log) > .zero })
        #expect(world.run { world[1].consumer.cursor(of: 2, in: log) == world[1].end(of: log) })
        // Some of them were further back than what memory knows of batch ends.
        let early = world[1].consumer.cursors.filter { $0.end.rawValue < 600 }
        #expect(!early.isEmpty)
    }
}
