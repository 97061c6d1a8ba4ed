// A holder that cannot read what it holds: its followers wait, are told where the gap is, and get everything else (S7).

import ClusterModel
import EventLog
import NodeEnvironment
import SimulatedEnvironment
import Synchronization
import Testing

@testable import RegionMirror

@Suite struct MirrorDamageTests {
    /// Region 1 has written four logs and started again: they are on its disk only.
    private func write(_ world: MirrorWorld, faults: EngineFaults = EngineFaults()) throws -> [LogIdentity] {
        world.start(1)
        world.run(.milliseconds(20))
        let logs = (0..<4).map { world[1].own($0) }
        for round in 0..<24 {
            try world[1].append(to: round % 4, records: 2, bytes: 300)
            world.run(.milliseconds(5))
        }
        world[1].kill()
        world.start(1, faults)
        world.run(.milliseconds(20))
        return logs
    }

    private func batch(_ index: Int, of log: LogIdentity, in region: MirrorRegion) throws -> EncodedBatch {
        try #require(try region.log?.read(log, from: .zero, maxBytes: .max)[index])
    }

    @Test("S7: damage stops its log with an alarm, everything else is served, and nobody spins")
    func stopsOneLog() throws {
        let world = MirrorWorld(seed: 11, regions: 2)
        let logs = try write(world)
        let bad = try batch(3, of: logs[1], in: world[1])
        try #require(try world[1].damage(bad))
        world.start(2)
        // Heads move all the time: they do not start the stopped log again.
        for round in 0..<100 {
            try world[1].append(to: round % 3)
            world.run(.milliseconds(50))
        }
        for log in logs + (0..<3).map({ world[1].own($0) }) where log != logs[1] {
            #expect(world[2].end(of: log) == world[1].end(of: log) && world[1].end(of: log) > .zero)
        }
        #expect(world[2].end(of: logs[1]) == bad.header.baseOffset)
        let link = world[2].link(to: 1)
        #expect(link?.state == .stopped)
        #expect(link?.stopped.map(\.log) == [logs[1]])
        #expect(link?.stopped.first?.reason.contains("begins at offset \(bad.endOffset.rawValue)") == true)
        #expect(link?.lostLinks == 0)
        let sweeps = try #require(world[1].log?.sweeps)
        #expect(sweeps < 20, "\(sweeps)")
        world.run(.seconds(20))
        #expect(world[1].log?.sweeps == sweeps)
    }

    @Test("S7: another holder that has the bytes closes the gap")
    func isRepairedByAnother() throws {
        let world = MirrorWorld(seed: 12, regions: 3)
        world.start(3)
        let logs = try write(world)
        #expect(world.run { logs.allSatisfy { world[3].end(of: $0) == world[1].end(of: $0) } })
        try #require(try world[1].damage(try batch(2, of: logs[0], in: world[1])))
        world.start(2)
        #expect(world.run { logs.allSatisfy { world[2].end(of: $0) == world[1].end(of: $0) } })
        world.run(.seconds(1))
        #expect(world[2].link(to: 1)?.stopped.isEmpty == true)
        #expect(world[2].bytes(of: logs[0]) == world[3].bytes(of: logs[0]))
    }

    @Test("a disk that cannot be read for a while is asked less and less often; what is in memory goes on")
    func waits() throws {
        let isFailing = Mutex(true)
        var faults = EngineFaults()
        faults.readFailure = {
            isFailing.withLock { $0 } ? EventLogError(.io, "the disk hangs") : nil
        }
        let world = MirrorWorld(seed: 13, regions: 2)
        let logs = try write(world, faults: faults)
        world.start(2)
        world.run(.seconds(1))
        for round in 0..<100 {
            try world[1].append(to: round % 3)
            world.run(.milliseconds(100))
            #expect(world[2].end(of: world[1].own(round % 3)) == world[1].end(of: world[1].own(round % 3)))
        }
        #expect(logs.allSatisfy { world[2].end(of: $0) == .zero })
        let sweeps = try #require(world[1].log?.sweeps)
        #expect((4..<40).contains(sweeps), "\(sweeps)")
        #expect(world[2].link(to: 1)?.lostLinks == 0)
        isFailing.withLock { $0 = false }
        #expect(world.run(until: .seconds(8)) { world.isEqual })
    }
}
