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
    private let reporter: CapacityReporter
    private let invocations: ActorInvocationServer
    let listener: any Listener
    private let configuration: NodeConfiguration
    private let environment: NodeEnvironment
    private let logger: Logger

    /// Nil for a node without peers. Serves what `recovery` found, up to the ends that it knows. Throws NodeError.
    static func start(
        _ configuration: NodeConfiguration, environment: NodeEnvironment, system: ClusterActorSystem,
        keyring: TokenKeyring, recovery: NodeRecovery, floors: FloorKeeper, snapshots: any SnapshotShelf,
        disk: any DedicatedExecutor, logger: Logger, maxConnections: Int?, capacity: OwnCapacity
    ) async throws -> NodeMesh? {
        guard let endpoint = configuration.listen.mesh, let tls = configuration.tls,
            var settings = configuration.mirrorSettings
        else { return nil }
        settings.tokenKeys = keyring.fingerprints
        let mirror: RegionMirror
        do {
            mirror = try await disk.run { [settings] () throws(MirrorError) in
                try RegionMirror(
                    settings, log: recovery.log, environment: environment, disk: disk, logger: logger, floors: floors)
            }
        } catch {
            throw NodeError(
                .logUnavailable, "\(error)",
                nextStep: "restore the file from the last good copy of the directory; see Runbooks/mirror-stopped.md")
        }
        // Peers may pull from the next line on, and the shards, which tell the mirror what they know, begin only when the clock
        // agrees: until then too nothing is served beyond an agreed end (S1a).
        for (ends, base) in recovery.agreedEnds { mirror.onAgreed(ends, base: base) }
        let keeper = try system.start(
            LineageKeeper.identity(in: configuration.region.number), on: environment.executors.loops[0]
        ) { LineageKeeper(mirror: mirror, actorSystem: system) }
        let reporter = try system.start(
            CapacityReporter.identity(in: configuration.region.number), on: environment.executors.loops[0]
        ) { CapacityReporter(actorSystem: system) { await capacity.report(for: $0) } }
        let invocations = ActorInvocationServer(system: system, clock: environment.clock)
        do {
            let handler = MeshHandler(
                try ServiceTable([mirror.service, mirror.snapshotService(snapshots), invocations]), peers: mirror.peers,
                refusals: MeshRefusals(clock: environment.clock, logger: logger), maxConnections: maxConnections)
            // Another deployment's certificate ends the handshake; another region's is told at its call why not.
            let security = LinkSecurity.mutualTLS(tls).expecting(.member(of: configuration.deployment.id))
            let listener = try await environment.links.listen(on: endpoint, security: security, handler: handler)
            return NodeMesh(
                mirror: mirror, system: system, keeper: keeper, reporter: reporter, invocations: invocations,
                listener: listener,
                configuration: configuration, environment: environment, logger: logger)
        } catch {
            throw NodeError(.cannotListen, "listen.mesh: \(error)", nextStep: "correct listen.mesh or tls")
        }
    }

    /// What a start asks the other regions.
    var start: RegionStart {
        RegionStart(
            mirror: mirror, clock: environment.clock, logger: logger, maxFuture: configuration.timeBounds.maxFuture)
    }

    /// Gets the ends of older incarnations agreed, once the plan's is begun. Ends by cancellation too.
    func agree(_ plan: IncarnationPlan, router: ShardRouter) async {
        let agreement = AgreementRun(
            origin: configuration.region.number, incarnation: plan.incarnation,
            members: [configuration.region.number] + configuration.peers.map(\.number),
            names: plan.beginnings.map(\.log.name), partitions: UInt32(clamping: router.partitions.rawValue),
            system: system, mirror: mirror, router: router, clock: environment.clock, logger: logger)
        try? await agreement.run()  // ends by cancellation, and says so with an error
    }

    /// Mirrors until it is cancelled. `onOutrun`: see `RegionMirror.run`.
    func run(
        _ plan: IncarnationPlan, router: ShardRouter, onOutrun: @escaping @Sendable (Incarnation) -> Void
    ) async {
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await mirror.run(incarnation: plan.incarnation, consumer: router, onOutrun: onOutrun) }
            group.addTask { await invocations.run() }
            await group.waitForAll()
        }
    }

    func shutDown() async {
        await listener.shutDown(by: environment.clock.bootTime())
        mirror.end()
        await system.closeLinks()
    }
}
