// Snapshots over the mesh (S5): fetched piece by piece, killed on either side, damaged, taken away, taken over.

import ClusterModel
import NodeEnvironment
import SimulatedEnvironment
import Synchronization
import Testing

@testable import RegionMirror

@Suite struct SnapshotFlowTests {
    private static let item = SnapshotMessagesTests.item
    private static let bytes = (0..<9_000).map { UInt8(truncatingIfNeeded: $0 &* 31 >> 3) }
    /// A piece is a kilobyte then, and nine of them take a second.
    private static let rate: UInt64 = 8 << 10

    private final class Outcome: Sendable {
        struct State {
            var fetched: SnapshotFetch.Fetched?
            var progress: [SnapshotFetch.Progress] = []
            var reasons: [String] = []
            var failure: String?
        }
        let state = Mutex(State())
        var fetched: SnapshotFetch.Fetched? { state.withLock(\.fetched) }
        var position: UInt64 { state.withLock { $0.progress.last?.position ?? 0 } }
        var reasons: [String] { state.withLock(\.reasons) }
    }

    private func world(seed: UInt64, regions: Int, rate: UInt64 = Self.rate) -> MirrorWorld {
        let world = MirrorWorld(seed: seed, regions: regions) { $0.bootstrapBytesPerSecond = rate }
        world.startAll()
        world.run(.milliseconds(100))
        return world
    }

    /// Fetches on region 1's machine until it has the item or dies.
    private func fetch(_ world: MirrorWorld, isUsable: @escaping @Sendable (PublishedSnapshot) -> Bool = { _ in true })
        throws -> Outcome
    {
        let outcome = Outcome()
        let mirror = try #require(world[1].mirror)
        world[1].machine.start { environment in
            let disk = environment.executors.makeDedicatedExecutor(label: "fetch")
            let fetch = mirror.snapshotFetch(on: disk)
            while outcome.fetched == nil {
                let fetched = try await fetch.fetch(Self.item, isUsable: isUsable) { progress in
                    outcome.state.withLock { $0.progress.append(progress) }
                } why: { reason in
                    outcome.state.withLock { $0.reasons.append(reason) }
                }
                outcome.state.withLock { $0.fetched = fetched }
                try await environment.clock.sleep(for: .milliseconds(50))
            }
        }
        return outcome
    }

    @Test("S5: a snapshot comes whole, at the rate that is allowed")
    func whole() throws {
        let world = world(seed: 61, regions: 2)
        try world[2].shelf.put(Self.bytes, as: Self.item, generation: 3)
        let before = world.simulation.simulated
        let outcome = try fetch(world)
        #expect(world.run { outcome.fetched != nil })
        #expect(outcome.fetched?.bytes == Self.bytes && outcome.fetched?.source == RegionNumber(2))
        // A second's worth at once, then 8 KiB a second.
        #expect(world.simulation.simulated - before > .milliseconds(90))
        #expect(world[2].shelf.opened == 1, "it is kept open while it is read")
    }

    @Test("S5: killed at every boundary between pieces, on either side, it goes on where it stopped", arguments: 0..<9)
    func killedAtEveryPiece(piece: Int) throws {
        for victim in 1...2 {
            let world = world(seed: UInt64(70 + piece), regions: 2, rate: 1 << 10)
            try world[2].shelf.put(Self.bytes, as: Self.item, generation: 3)
            var outcome = try fetch(world)
            #expect(world.run { outcome.position >= UInt64(piece << 10) || outcome.fetched != nil })
            if piece % 2 == 0 { world[victim].kill() } else { world[victim].crash() }
            world.run(.milliseconds(50))
            world.start(victim)
            world.run(.milliseconds(100))
            if victim == 1 { outcome = try fetch(world) }
            #expect(world.run { outcome.fetched != nil })
            #expect(outcome.fetched?.bytes == Self.bytes)
            if victim == 1, piece > 2 {
                let first = outcome.state.withLock { $0.progress.first?.position }
                #expect(first ?? .max >= UInt64((piece - 2) << 10), "it does not begin anew")
            }
        }
    }

    @Test("S5: bytes that are not what they are said to be are not taken, and come from another member")
    func damaged() throws {
        let world = world(seed: 62, regions: 3, rate: 1 << 20)
        try world[2].shelf.put(Self.bytes, as: Self.item, generation: 3, checksum: 1)
        try world[3].shelf.put(Self.bytes.reversed(), as: Self.item, generation: 8)
        let outcome = try fetch(world)
        #expect(world.run { outcome.fetched != nil })
        #expect(outcome.fetched?.source == RegionNumber(3) && outcome.fetched?.bytes == Self.bytes.reversed())
    }

    @Test("S5: a source that is gone is replaced by another")
    func takenOver() throws {
        let world = world(seed: 63, regions: 3)
        try world[2].shelf.put(Self.bytes, as: Self.item, generation: 3)
        try world[3].shelf.put(Self.bytes.reversed(), as: Self.item, generation: 8)
        let outcome = try fetch(world)
        #expect(world.run { outcome.position >= 3 << 10 })
        world[2].kill()
        #expect(world.run { outcome.fetched != nil })
        #expect(outcome.fetched?.source == RegionNumber(3))
        #expect(!outcome.reasons.isEmpty)
    }

    @Test("S5: a generation that is taken away while it is read stays for its reader, and for nobody who comes later")
    func takenAway() throws {
        let world = world(seed: 64, regions: 2, rate: 1 << 10)
        try world[2].shelf.put(Self.bytes, as: Self.item, generation: 3)
        let outcome = try fetch(world)
        #expect(world.run { outcome.position >= 3 << 10 })
        try world[2].shelf.put(Self.bytes.reversed(), as: Self.item, generation: 4)
        try world[2].shelf.remove(Self.item, generation: 3)
        world.run(.milliseconds(200))
        // The source forgets what it kept open.
        world[2].kill()
        world.run(.milliseconds(50))
        world.start(2)
        #expect(world.run { outcome.fetched != nil })
        #expect(outcome.fetched?.snapshot.generation == 4 && outcome.fetched?.bytes == Self.bytes.reversed())
    }

    @Test("S5: one that is not usable is not fetched, and is asked for again")
    func unusable() throws {
        let world = world(seed: 65, regions: 2)
        try world[2].shelf.put(Self.bytes, as: Self.item, generation: 3)
        let outcome = try fetch(world) { $0.generation > 3 }
        world.run(.seconds(1))
        #expect(outcome.fetched == nil && outcome.position == 0)
        try world[2].shelf.put(Self.bytes.reversed(), as: Self.item, generation: 4)
        #expect(world.run { outcome.fetched?.snapshot.generation == 4 })
    }

    @Test("a node of another deployment gets no snapshots")
    func strangers() throws {
        let world = world(seed: 66, regions: 2)
        try world[2].shelf.put(Self.bytes, as: Self.item, generation: 3)
        world[1].kill()
        world.run(.milliseconds(50))
        var settings = world.settings(of: 1)
        settings.deploymentID = "others"
        world[1].machine.restart()
        world[1].begin(settings, at: MirrorRegion.endpoint(1), EngineFaults())
        world.run(.milliseconds(100))
        let outcome = try fetch(world)
        world.run(.seconds(2))
        #expect(outcome.fetched == nil && world[2].shelf.opened == 0)
        #expect(!outcome.reasons.isEmpty)
    }
}
