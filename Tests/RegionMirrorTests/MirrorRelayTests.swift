// Three regions: any holder serves any log; logs that cannot go on stand still alone; strangers and twins stay outside.

import ClusterModel
import EventLog
import NodeEnvironment
import SimulatedEnvironment
import Synchronization
import Testing

@testable import RegionMirror

@Suite struct MirrorRelayTests {
    @Test("S1: a lost origin's longer tail reaches everyone from whoever holds it", arguments: 0..<4 as Range<UInt64>)
    func longestTail(seed: UInt64) throws {
        let world = MirrorWorld(seed: seed, regions: 3)
        world.startAll()
        world.run(.milliseconds(200))
        for round in 0..<12 { try world[1].append(to: round % 3) }
        #expect(world.run { world.isEqual && world[3].log?.logs().count == 3 })
        world.simulation.network.cut("r2", "r3")
        world.simulation.network.cut("r1", "r3")
        world.run(.seconds(2))
        for round in 0..<12 { try world[1].append(to: round % 3) }
        let logs = (0..<3).map { world[1].own($0) }
        #expect(world.run { logs.allSatisfy { world[2].end(of: $0) == Offset(24) } })
        world[1].crash()
        #expect(logs.allSatisfy { world[3].end(of: $0) == Offset(12) })
        world.simulation.network.healAll()
        #expect(world.run { logs.allSatisfy { world[3].end(of: $0) == Offset(24) } }, "seed \(seed)")
        #expect(world.isEqual)
    }

    @Test("S1: an origin that returns on an old disk gets its own tail back, and passes it on")
    func oldDiskReturns() throws {
        let world = MirrorWorld(seed: 5, regions: 3)
        world.startAll()
        world.run(.milliseconds(100))
        try world[1].append(to: 0)
        let old = world[1].own(0)
        #expect(world.run { world.isEqual && world[2].end(of: old) == Offset(3) })
        let image = world[1].machine.disk.image()
        for _ in 0..<5 { try world[1].append(to: 0) }
        #expect(world.run { world[2].end(of: old) == Offset(18) && world[3].end(of: old) == Offset(18) })
        world[1].crash()
        world[1].machine.disk.install(image)
        world.start(1)
        world.run(.milliseconds(30))
        #expect(world[1].log?.recovered.logs.map(\.flushedEnd) == [Offset(3)])
        #expect(world.run { world[1].end(of: old) == Offset(18) })
        #expect(world[1].bytes(of: old) == world[2].bytes(of: old))
        #expect(world[1].consumer.appeared.contains(old))
    }

    @Test("S1: two chains of one incarnation stop that log and no other")
    func otherChain() throws {
        let world = MirrorWorld(seed: 6, regions: 2)
        world.startAll()
        let forked = Sample.log(7, region: 9)
        let fine = Sample.log(8, region: 9)
        world.simulation.network.cut("r1", "r2")
        world.run(.milliseconds(50))
        for (region, seed) in [(1, UInt8(1)), (2, 2)] {
            for batch in try Sample.chain(forked, 2, seed: seed) { try world[region].log?.submit(batch) }
        }
        world.run(.milliseconds(50))
        world.simulation.network.heal("r1", "r2")
        for batch in try Sample.chain(fine, 3) { try world[1].log?.submit(batch) }
        try world[1].append(to: 0)
        #expect(world.run { world[2].end(of: fine) == Offset(6) && world[2].end(of: world[1].own(0)) == Offset(3) })
        #expect(world.run { world[2].link(to: 1)?.stopped.map(\.log) == [forked] })
        #expect(world[2].link(to: 1)?.stopped.first?.reason == FollowerInstance.Stop.otherChain.description)
        #expect(world[2].bytes(of: forked) != world[1].bytes(of: forked))
        // It stays so, without a word more, and the link stands.
        let lost = world[2].link(to: 1)?.lostLinks
        world.run(.seconds(5))
        #expect(world[2].link(to: 1)?.lostLinks == lost && world[2].link(to: 1)?.isConnected == true)
    }

    @Test("S5, S8: a log that is trimmed at its only holder waits for a snapshot, nothing is skipped, the others go on")
    func gap() throws {
        let world = MirrorWorld(seed: 7, regions: 2)
        let (trimmed, fine) = (Sample.log(7, region: 9), Sample.log(8, region: 9))
        let chain = try Sample.chain(trimmed, 4)
        var faults = EngineFaults()
        faults.trimmed[trimmed] = (Offset(4), chain[1].chainDigest)
        world.start(1, faults)
        world.run(.milliseconds(50))
        for batch in try chain + Sample.chain(fine, 2) { try world[1].log?.submit(batch) }
        world.start(2)
        #expect(world.run { world[2].end(of: fine) == Offset(4) })
        #expect(world.run { world[2].mirror?.shortLogs() == [trimmed] })
        #expect(world[2].link(to: 1)?.stopped.isEmpty == true)
        #expect(world[2].end(of: trimmed) == .zero)
    }

    @Test("S8: a log that one holder trimmed comes from another that still has it")
    func gapElsewhere() throws {
        let world = MirrorWorld(seed: 8, regions: 3)
        let log = Sample.log(7, region: 9)
        let chain = try Sample.chain(log, 4)
        var faults = EngineFaults()
        faults.trimmed[log] = (Offset(4), chain[1].chainDigest)
        world.start(1, faults)
        world.start(2)
        world.run(.milliseconds(50))
        for region in 1...2 { for batch in chain { try world[region].log?.submit(batch) } }
        world.start(3)
        #expect(world.run { world[3].end(of: log) == Offset(8) })
        #expect(world[3].link(to: 1)?.stopped.isEmpty == true)
    }

    @Test("S1: a second live process of a region is refused, and taken once the first is dead")
    func twin() throws {
        let world = MirrorWorld(seed: 9, regions: 2)
        world.startAll()
        try #require(
            world.run { world[1].link(to: 2)?.isConnected == true && world[2].link(to: 1)?.isConnected == true })
        try world[1].append(to: 0)
        // Its start has a lower number than that of the process which it is a twin of.
        let twin = MirrorRegion(2, machine: world.simulation.machine("twin"))
        world[2].kill()
        world.start(2)
        try #require(world.run { world[2].link(to: 1)?.isConnected == true })
        twin.begin(world.settings(of: 2), at: Endpoint(host: "127.0.0.1", port: 7_900), EngineFaults())
        world.run(.seconds(5))
        #expect(twin.incarnation < world[2].incarnation)
        #expect(twin.link(to: 1)?.isConnected == false)
        #expect(twin.link(to: 1)?.lastFailure?.contains("claims this region") == true)
        #expect(twin.log?.logs().isEmpty == true)
        #expect(world[2].link(to: 1)?.lostLinks == 0)
        try world[1].append(to: 1)
        #expect(world.run { world[2].end(of: world[1].own(1)) == Offset(3) })
        world[2].kill()
        #expect(world.run(until: .seconds(5)) { twin.link(to: 1)?.isConnected == true })
        #expect(world.run { twin.end(of: world[1].own(1)) == Offset(3) })
    }

    @Test("a certificate of another deployment or region gets nothing", arguments: ["other/r2/n1", "games/r9/n1"])
    func stranger(name: String) throws {
        let world = MirrorWorld(seed: 10, regions: 2) { settings in
            guard settings.region == RegionNumber(2) else { return }
            settings.security = .mutualTLS(SimulatedHandshake.identity(uri: "meridian://\(name)"))
        }
        world.startAll()
        world.run(.milliseconds(50))
        try world[1].append(to: 0)
        world.run(.seconds(3))
        #expect(world[2].log?.logs().isEmpty == true)
        #expect(world[2].link(to: 1)?.isConnected == false)
        #expect(world[2].link(to: 1)?.lastFailure?.contains("not a peer region") == true)
    }

    @Test("S1, S2: a node without a disk learns from its peers what they hold of its own logs")
    func remembers() throws {
        let world = MirrorWorld(seed: 11, regions: 3)
        world.startAll()
        world.run(.milliseconds(100))
        try world[1].append(to: 0)
        let incarnation = world[1].incarnation
        #expect(world.run { world.isEqual && world[3].log?.logs().count == 1 })
        world[1].crash()
        world[1].machine.disk.wipe()
        world.start(1)
        world.run(.milliseconds(5))
        let mirror = try #require(world[1].mirror)
        let memory = try world.simulation.drive { await mirror.remember() }
        #expect(memory.reachedPeers == 2)
        #expect(memory.newestIncarnation == incarnation)
        #expect(memory.latestStamp > .zero)
        world[2].kill()
        world[3].kill()
        #expect(try world.simulation.drive { await mirror.remember() }.reachedPeers == 0)
    }
}
