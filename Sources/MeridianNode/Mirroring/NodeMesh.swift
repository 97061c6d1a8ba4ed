// This node among other regions: its mirror, its lineage keeper, and what it serves on the mesh.

import ActorCluster
import ClusterModel
import EventLog
import Logging
import NodeEnvironment
import Personalization
import RegionMirror
import ServingAPI

/// Made once the log is open, before the node begins: peers may pull and ask from then on.
struct NodeMesh: Sendable {
    let mirror: RegionMirror
    private let system: ClusterActorSystem
    private let keeper: LineageKeeper
    private let invocations: ActorInvocationServer
    let listener: any Listener
    private let configuration: NodeConfiguration
    private let environment: NodeEnvironment
    private let logger: Logger

    /// How long a node without a disk and without a disciplined clock looks for a peer before it gives up (S2).
    private static let patience: Duration = .seconds(30)
    private static let betweenProbes: Duration = .milliseconds(200)

    /// Nil for a node without peers. Throws NodeError.
    static func start(
        _ configuration: NodeConfiguration, environment: NodeEnvironment, system: ClusterActorSystem,
        log: any EventLogEngine, floors: FloorKeeper, disk: any DedicatedExecutor, logger: Logger
    ) async throws -> NodeMesh? {
        guard let endpoint = configuration.listen.mesh, let tls = configuration.tls,
            let settings = configuration.mirrorSettings
        else { return nil }
        let mirror: RegionMirror
        do {
            mirror = try await disk.run { () throws(MirrorError) in
                try RegionMirror(
                    settings, log: log, environment: environment, disk: disk, logger: logger, floors: floors)
            }
        } catch {
            throw NodeError(
                .logUnavailable, "\(error)",
                nextStep: "restore the file from the last good copy of the directory; see Runbooks/mirror-stopped.md")
        }
        let keeper = try system.start(
            LineageKeeper.identity(in: configuration.region.number), on: environment.executors.loops[0]
        ) { LineageKeeper(mirror: mirror, actorSystem: system) }
        let invocations = ActorInvocationServer(system: system, clock: environment.clock)
        do {
            let handler = MeshHandler(try ServiceTable([mirror.service, invocations]), peers: mirror.peers)
            let listener = try await environment.links.listen(
                on: endpoint, security: .mutualTLS(tls), handler: handler)
            return NodeMesh(
                mirror: mirror, system: system, keeper: keeper, invocations: invocations, listener: listener,
                configuration: configuration, environment: environment, logger: logger)
        } catch {
            throw NodeError(.cannotListen, "listen.mesh: \(error)", nextStep: "correct listen.mesh or tls")
        }
    }

    /// S2: with no disk of its own a node starts above what reachable members know; with none reachable and a clock that
    /// nothing disciplines it refuses. Throws NodeError `.clockUntrusted`.
    func raise(_ plan: IncarnationPlan) async throws -> IncarnationPlan {
        guard plan.wait > .zero else { return plan }
        let deadline = environment.clock.bootTime().advanced(by: Self.patience)
        while true {
            let memory = await mirror.remember()
            if memory.reachedPeers > 0 || environment.clock.isSynchronised() {
                return plan.raised(above: memory.newestIncarnation, memory.latestStamp)
            }
            guard environment.clock.bootTime() < deadline else {
                throw NodeError(
                    .clockUntrusted, "no peer answers, nothing disciplines this machine's clock, and the disk is new",
                    nextStep: "start a peer region first, or run chrony or systemd-timesyncd")
            }
            logger.notice("waiting for a peer region: this disk is new and nothing disciplines the clock")
            try await environment.clock.sleep(for: Self.betweenProbes)
        }
    }

    /// Mirrors and agrees on ends until it is cancelled.
    func run(_ plan: IncarnationPlan, router: ShardRouter) async {
        let agreement = AgreementRun(
            origin: configuration.region.number, incarnation: plan.incarnation,
            members: [configuration.region.number] + configuration.peers.map(\.number),
            names: plan.beginnings.map(\.log.name), system: system, mirror: mirror, router: router,
            clock: environment.clock, logger: logger)
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await mirror.run(incarnation: plan.incarnation, consumer: router) }
            group.addTask { await invocations.run() }
            group.addTask { try? await agreement.run() }  // ends by cancellation, and says so with an error
            await group.waitForAll()
        }
    }

    func shutDown() async {
        await listener.shutDown(by: environment.clock.bootTime())
        mirror.end()
        await system.closeLinks()
    }
}
