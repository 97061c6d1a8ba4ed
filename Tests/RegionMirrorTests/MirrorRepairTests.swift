// A node asks other holders for what its disk has lost: any of them will do, and the chain shows whether it is right (S7, S8).

import ClusterModel
import EventLog
import NodeEnvironment
import SimulatedEnvironment
import Testing

@testable import RegionMirror

@Suite struct MirrorRepairTests {
    /// All regions hold a log that region 1 wrote; what one of its stretches needs.
    private func world(seed: UInt64, regions: Int) throws -> (MirrorWorld, RepairNeed, [EncodedBatch]) {
        let world = MirrorWorld(seed: seed, regions: regions)
        world.startAll()
        world.run(.milliseconds(50))
        let log = world[1].own(0)
        for _ in 0..<12 {
            try world[1].append(to: 0, records: 2, bytes: 300)
            world.run(.milliseconds(5))
        }
        #expect(world.run { world.isEqual })
        let batches = try #require(try world[1].log?.read(log, from: .zero, maxBytes: .max))
        let wanted = Array(batches[3..<7])
        let need = RepairNeed(
            log: log, from: wanted[0].header.baseOffset, before: wanted[0].header.previousDigest,
            goal: .end(wanted[3].endOffset, wanted[3].chainDigest))
        #expect(need.isMet(by: wanted))
        return (world, need, wanted)
    }

    private func fetch(_ need: RepairNeed, by region: Int, in world: MirrorWorld) throws -> [EncodedBatch]? {
        let mirror = try #require(world[region].mirror)
        return try world.simulation.drive { await mirror.fetch(need) }
    }

    @Test("FAULTS 6, 7: the origin heals from a mirror, a mirror from the origin, with the original bytes")
    func anyHolder() throws {
        let (world, need, wanted) = try world(seed: 51, regions: 2)
        for region in 1...2 { #expect(try fetch(need, by: region, in: world)?.map(\.bytes) == wanted.map(\.bytes)) }
        world.run(.seconds(2))
        #expect(world[2].link(to: 1)?.lostLinks == 0)
    }

    @Test("FAULTS 6: a holder that is damaged itself is passed over for one that is not")
    func nextHolder() throws {
        let (world, need, wanted) = try world(seed: 52, regions: 3)
        for region in [1, 2] {
            world[region].kill()
            #expect(try world[region].damage(wanted[1]))
        }
        world.start(1)
        #expect(world.run { world[1].link(to: 3)?.isConnected == true })
        #expect(try fetch(need, by: 1, in: world)?.map(\.bytes) == wanted.map(\.bytes))
    }

    @Test("FAULTS 8: where no holder has the bytes, or only other ones, nothing is given")
    func noHolder() throws {
        var (world, need, wanted) = try world(seed: 53, regions: 2)
        need.goal = .end(wanted[3].endOffset, .zero)
        #expect(try fetch(need, by: 2, in: world) == nil)
        need.before = .zero
        #expect(try fetch(need, by: 2, in: world) == nil)
        world.simulation.network.cut("r1", "r2")
        #expect(try fetch(need, by: 2, in: world) == nil)
    }
}
