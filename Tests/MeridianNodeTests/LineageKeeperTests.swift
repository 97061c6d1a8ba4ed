// A7: a member's seal is asked for by the origin of the lines alone, whoever else has a certificate of the mesh.

import ActorCluster
import ClusterModel
import EventLog
import GRPCFraming
import Logging
import NIOCore
import NodeEnvironment
import RegionMirror
import SegmentLog
import ServingAPI
import SimulatedEnvironment
import Synchronization
import Testing

@testable import MeridianNode

@Suite struct LineageKeeperTests {
    private static let endpoint = Endpoint(host: "127.0.0.1", port: 7_001)
    private static let incarnation = Incarnation(startedAt: WallTime(milliseconds: 1_700_000_000_000), entropy: 1)

    /// Region 1's keeper is there.
    private struct OnlyRegionOne: ActorPlacement {
        func endpoints(of actor: ActorIdentity) -> [Endpoint] {
            actor.region == RegionNumber(1) ? [LineageKeeperTests.endpoint] : []
        }
    }

    private static func settings(_ region: UInt16) -> MirrorSettings {
        let peers = (1...3).filter { $0 != region }.map {
            MirrorPeer(region: RegionNumber($0), name: "r\($0)", endpoints: [])
        }
        var settings = MirrorSettings(
            region: RegionNumber(region), deploymentID: "shop", applyVersion: 1, peers: peers,
            security: security(region), maxBytesPerSecond: 1 << 30, heartbeat: .milliseconds(200),
            stallTimeout: .seconds(1), directory: "data")
        settings.regionName = "r\(region)"
        return settings
    }

    private static func security(_ region: UInt16) -> LinkSecurity {
        .mutualTLS(SimulatedHandshake.identity(uri: "meridian://shop/r\(region)/n1"))
    }

    private static func system(_ environment: NodeEnvironment, _ region: UInt16) async throws -> ClusterActorSystem {
        try await ClusterActorSystem(
            types: [LineageKeeper.self], environment: environment, placement: OnlyRegionOne(),
            security: security(region))
    }

    /// Region 1, with its keeper.
    private static func serve(_ environment: NodeEnvironment) async throws {
        let log = try SegmentLog.open(directory: "data", environment: environment)
        let disk = environment.executors.makeDedicatedExecutor(label: "disk")
        let quiet = Logger(label: "keeper") { _ in SwiftLogNoOpLogHandler() }
        let mirror = try RegionMirror(settings(1), log: log, environment: environment, disk: disk, logger: quiet)
        let system = try await system(environment, 1)
        let keeper = try system.start(
            LineageKeeper.identity(in: RegionNumber(1)), on: environment.executors.loops[0]
        ) { LineageKeeper(mirror: mirror, actorSystem: system) }
        let server = ActorInvocationServer(system: system, clock: environment.clock)
        let services = try ServiceTable([mirror.service, server])
        _ = try await environment.links.listen(on: endpoint, security: security(1), handler: services)
        await server.run()
        withExtendedLifetime(keeper) {}
    }

    /// Claims the caller's region (S1): whoever does not speak for it is refused for that alone.
    private static func greet(_ environment: NodeEnvironment, as caller: UInt16) async throws {
        guard caller != 1 else { return }
        let greeting = RegionGreeting(incarnation: incarnation, terms: settings(caller).terms)
        let channel = try environment.links.channel(to: endpoint, security: security(caller))
        let reply = try await channel.unary(
            path: RegionGreeting.path, message: ByteBuffer(bytes: greeting.encoded), metadata: CallMetadata(),
            deadline: environment.clock.bootTime().advanced(by: .seconds(1)))
        let decoded = try GreetingReply(decoding: Array(reply.message.readableBytesView))
        #expect(decoded.verdict == .welcome, "\(decoded.reason)")
        await channel.close()
    }

    /// What region 1's keeper answers `caller` who asks about the lines of `origin`; nil where it does as it is asked.
    private func ask(
        _ caller: UInt16, of origin: UInt16, lifting: Bool, incarnation: Incarnation = LineageKeeperTests.incarnation
    ) throws -> ActorCallError.Code? {
        let simulation = Simulation(seed: UInt64(caller))
        simulation.machine("r1").start { try await Self.serve($0) }
        simulation.run(for: .milliseconds(50))
        let environment = simulation.machine("caller").environment
        let round = SealRound(origin: RegionNumber(origin), incarnation: incarnation)
        return try simulation.drive { () -> ActorCallError.Code? in
            let system = try await Self.system(environment, caller)
            try await Self.greet(environment, as: caller)
            let keeper = try LineageKeeper.resolve(id: LineageKeeper.identity(in: RegionNumber(1)), using: system)
            do {
                if lifting {
                    _ = try await keeper.lift(to: CollectedEnds(of: round))
                } else {
                    _ = try await keeper.seal(SealQuestion(round))
                }
                return nil
            } catch let error as ActorCallError {
                return error.code
            }
        }
    }

    @Test("A7, seal and lift: by the origin about its own lines", arguments: [false, true])
    func theOriginMay(lifting: Bool) throws {
        #expect(try ask(2, of: 2, lifting: lifting) == nil)
        #expect(try ask(3, of: 3, lifting: lifting) == nil)
    }

    @Test(
        "A7, seal and lift: nobody about another's lines, a twin of the asked region included",
        arguments: [false, true])
    func nobodyElseMay(lifting: Bool) throws {
        #expect(try ask(3, of: 2, lifting: lifting) == .notPermitted)
        #expect(try ask(2, of: 1, lifting: lifting) == .notPermitted)
        #expect(try ask(1, of: 1, lifting: lifting) == .notPermitted)
        #expect(try ask(2, of: 9, lifting: lifting) == .notPermitted)
    }

    @Test("A7: a seal below an incarnation that no clock can have made is not given")
    func sealsOfTheFarFutureAreRefused() throws {
        #expect(try ask(2, of: 2, lifting: false, incarnation: Incarnation(.max)) == .refused)
    }
}
