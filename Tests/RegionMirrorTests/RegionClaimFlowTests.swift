// S1 between real mirrors: a killed process does not keep its successor waiting, and a living one is protected.

import ClusterModel
import EventLog
import NodeEnvironment
import SimulatedEnvironment
import Synchronization
import Testing

@testable import RegionMirror

/// Whether an answer came.
private final class Told: Sendable {
    private let value = Mutex(false)
    var isTold: Bool { value.withLock(\.self) }
    func onTold() { value.withLock { $0 = true } }
}

@Suite struct RegionClaimFlowTests {
    private static let stall: Duration = .seconds(5)

    private func world(_ seed: UInt64) throws -> MirrorWorld {
        let world = MirrorWorld(seed: seed, regions: 2) { $0.stallTimeout = Self.stall }
        world.startAll()
        try #require(
            world.run { world[1].link(to: 2)?.isConnected == true && world[2].link(to: 1)?.isConnected == true })
        world.run(.milliseconds(100))
        return world
    }

    /// Another process that says it is region 2, on a machine of its own, with a newer incarnation.
    private func twin(_ world: MirrorWorld) throws -> MirrorRegion {
        let twin = MirrorRegion(2, machine: world.simulation.machine("twin"))
        let begin = {
            twin.begin(world.settings(of: 2), at: Endpoint(host: "127.0.0.1", port: 7_900), EngineFaults())
        }
        // Each start has a higher number than the one before.
        begin()
        twin.kill()
        twin.machine.restart()
        begin()
        world.run(.milliseconds(1))
        try #require(twin.incarnation > world[2].incarnation)
        return twin
    }

    @Test(
        "S1: killed at any moment under load, a region is back within a second of its start",
        arguments: 0..<12 as Range<UInt64>)
    func returnsSoon(seed: UInt64) throws {
        let world = try world(seed)
        for round in 0..<20 + Int(seed) {
            try world[1].append(to: round % 3)
            world.run(.microseconds(Int64(1_300 + 170 * seed)))
        }
        world[2].kill()
        try world[1].append(to: 0)
        world.run(.seconds(1))
        world.start(2)
        #expect(world.run(until: .seconds(1)) { world[2].link(to: 1)?.isConnected == true }, "seed \(seed)")
        #expect(world.run { world.isEqual }, "seed \(seed)")
    }

    @Test("S1: a region that starts again at once waits for the grace, not for the stall time-out")
    func returnsAfterTheGrace() throws {
        let world = try world(40)
        world[2].kill()
        world.start(2)
        world.run(.milliseconds(500))
        #expect(world[2].link(to: 1)?.isConnected == false)
        #expect(world.run(until: .seconds(2)) { world[2].link(to: 1)?.isConnected == true })
    }

    @Test("S1: a region that stopped and said so is back at once, with neither grace nor stall time-out")
    func returnsAtOnceAfterAParting() throws {
        let world = try world(41)
        world[2].part()
        world.run(.milliseconds(50))
        world[2].kill()
        world.start(2)
        // Without the word it is not after half a second: see above.
        #expect(world.run(until: .milliseconds(450)) { world[2].link(to: 1)?.isConnected == true })
    }

    @Test("S1: a twin that says it is over frees nothing that it never had")
    func aTwinsPartingFreesNothing() throws {
        let world = try world(42)
        let twin = try twin(world)
        let (mirror, incarnation) = (try #require(twin.mirror), twin.incarnation)
        let told = Told()
        twin.machine.start { environment in
            let peer = mirror.core.settings.peers[0]
            let channel = try environment.links.channel(
                to: peer.endpoints[0], security: mirror.core.settings.security(of: [peer]))
            _ = try await mirror.core.greet(peer, over: channel, as: incarnation, isParting: true)
            told.onTold()
        }
        world.run(.seconds(3))
        #expect(told.isTold)
        #expect(twin.link(to: 1)?.isConnected == false)
        #expect(world[2].link(to: 1)?.isConnected == true)
    }

    @Test("S1: connections that break all the time do not let a newer twin in", arguments: 0..<6 as Range<UInt64>)
    func isProtectedWhileItDials(seed: UInt64) throws {
        let world = try world(seed)
        let twin = try twin(world)
        var faults = NetworkFaults()
        faults.lostCallsPerThousand = 40
        world.simulation.network.setFaults(faults)
        // The last failure may be a greeting that was lost.
        var isTold = false
        for round in 0..<200 {
            try world[1].append(to: round % 3)
            world.run(.milliseconds(50))
            isTold = isTold || twin.link(to: 1)?.lastFailure?.contains("claims this region") == true
            try #require(twin.link(to: 1)?.isConnected == false, "seed \(seed) round \(round)")
        }
        #expect(world[2].link(to: 1)?.lostLinks ?? 0 > 2, "seed \(seed)")
        #expect(twin.log?.logs().isEmpty == true, "seed \(seed)")
        #expect(isTold, "seed \(seed)")
        world.simulation.network.setFaults(NetworkFaults())
        #expect(
            world.run {
                (0..<3).allSatisfy { world[2].end(of: world[1].own($0)) == world[1].end(of: world[1].own($0)) }
            })
    }

    @Test("S1: a region that is cut off keeps its claim for as long as its heartbeat is fresh, and no longer")
    func isProtectedWhileItIsSilent() throws {
        let world = try world(30)
        let twin = try twin(world)
        world.run(.seconds(1))
        world.simulation.network.cut("r1", "r2")
        world.run(Self.stall - .milliseconds(300))
        #expect(twin.link(to: 1)?.isConnected == false)
        #expect(world.run(until: .seconds(2)) { twin.link(to: 1)?.isConnected == true })
        // The one that comes back later is the stranger now.
        world.simulation.network.healAll()
        world.run(.seconds(3))
        #expect(twin.link(to: 1)?.isConnected == true)
        #expect(world[2].link(to: 1)?.isConnected == false)
    }
}
