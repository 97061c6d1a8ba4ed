// From a recovered log to one that takes writes, and to doors that are open.

import ActorCluster
import ClusterModel
import EventLog
import Logging
import NodeEnvironment
import OperatorAPI
import Personalization
import RegionMirror
import SegmentLog
import ServingAPI

extension MeridianNode {
    /// What a node serves with.
    struct Opened: Sendable {
        var host: ShardHost
        var plan: IncarnationPlan
        var clocks: ClockWatch
        var queue: OperatorQueue
        var api: any Listener
        var serving: ServingAPI
        var effects: NodeStreams
        var derived: NodeDerived
        var bootstrap: BootstrapParts
        var floors: FloorKeeper
        /// The incarnation is to be opened later (S1b); nil once it is.
        var wait: OpeningWait?
    }

    func open(
        _ recovery: NodeRecovery, _ joined: Joined, _ admin: any Listener, disk: any DedicatedExecutor
    ) async throws -> Opened {
        let (system, mesh) = (joined.system, joined.mesh)
        let clocks = watchClocks(mesh)
        clocks.look()
        status.connect(
            RegionObservation(
                mirror: mesh?.mirror, clocks: clocks, system: system,
                partitions: configuration.deployment.partitions, clock: environment.clock))
        let (host, plan, wait) = try await start(recovery, joined, clocks, disk: disk)
        let queue = OperatorQueue()
        let effects = try await NodeStreams.open(
            configuration, environment: environment, router: host.router, log: recovery.log, tasks: streams,
            logger: logger)
        var derived = NodeDerived(host.router, environment: environment)
        let (api, serving): (any Listener, ServingAPI)
        do {
            // Before anybody can ask: what a restart found is what it was.
            try await derived.restore()
            (api, serving) = try await listen(host, queue, effects, joined.keys)
            await effects.measure(serving)
        } catch {
            derived.shutDown()
            effects.shutDown()
            throw error
        }
        let links = LinkGauges(factory: metrics)
        let listeners = [("api", api), ("admin", admin)] + (mesh.map { [("mesh", $0.listener)] } ?? [])
        status.onListening(listeners.map { (name: $0.0, listener: $0.1) })
        metrics.addCollector { for (name, listener) in listeners { links.collect(listener, named: name) } }
        status.onServing(recovery.log, host.router, recovery.log.recovered)
        logger.notice(
            wait == nil ? "ready" : "ready for reads",
            metadata: [
                "api": "\(api.endpoint)", "admin": "\(admin.endpoint)", "region": "\(configuration.region.name)",
            ]
        )
        return Opened(
            host: host, plan: plan, clocks: clocks, queue: queue, api: api, serving: serving, effects: effects,
            derived: derived, bootstrap: joined.bootstrap, floors: joined.floors, wait: wait)
    }

    /// The actors of the node, begun unless too many starts are not settled.
    private func start(
        _ recovery: NodeRecovery, _ joined: Joined, _ clocks: ClockWatch, disk: any DedicatedExecutor
    ) async throws -> (ShardHost, IncarnationPlan, OpeningWait?) {
        let mesh = joined.mesh
        if !environment.clock.isSynchronised() {
            // A sole member has no other clock to disagree with (Decisions/0005).
            logger.warning("nothing disciplines this machine's clock; run chrony or systemd-timesyncd")
        }
        if recovery.plan.wait > .zero {
            logger.notice("first start on this disk: waiting", metadata: ["wait": "\(recovery.plan.wait)"])
            try await environment.clock.sleep(for: recovery.plan.wait)
        }
        let raised = try await mesh?.start.raise(recovery.plan) ?? recovery.plan
        try await untilClockAgrees(clocks)
        let plan = try await mesh?.start.claim(raised) ?? raised
        let host = try makeHost(recovery, plan, joined, disk: disk)
        if let wait = mesh.map({ makeWait(recovery, $0, joined.floors) }), let obstacle = wait.gate.obstacle {
            stamps.hold(because: obstacle)
            await host.beginReading()
            return (host, plan, wait)
        }
        try await begin(host, plan, recovery, clocks)
        return (host, plan, nil)
    }

    private func makeWait(_ recovery: NodeRecovery, _ mesh: NodeMesh, _ floors: FloorKeeper) -> OpeningWait {
        OpeningWait(
            log: recovery.log, mirror: mesh.mirror, floors: floors, settles: configuration.log.trims,
            names: Dictionary(
                configuration.peers.map { ($0.number, $0.region) }, uniquingKeysWith: { first, _ in first }),
            limit: unsettledLimit, clock: environment.clock, logger: logger)
    }

    private func makeHost(
        _ recovery: NodeRecovery, _ plan: IncarnationPlan, _ joined: Joined, disk: any DedicatedExecutor
    ) throws -> ShardHost {
        let (mirror, floors) = (joined.mesh?.mirror, joined.floors)
        let host = try ShardHost(
            recovery, plan, system: joined.system, configuration: configuration, environment: environment, disk: disk,
            stamps: stamps,
            onAgreed: { ends, base in
                if let mirror { return mirror.onAgreed(ends, base: base) }
                floors.onBase(base, of: ends.name)
                floors.onKnown([ends])
            },
            onShort: { [wants = joined.bootstrap.wants] in wants.want($0, $1) })
        if mirror == nil { floors.listen(to: host.router) }
        return host
    }

    /// Writes the first records. A disk that stands still would hold that for as long.
    func begin(
        _ host: ShardHost, _ plan: IncarnationPlan, _ recovery: NodeRecovery, _ clocks: ClockWatch
    ) async throws {
        try await withTaskCancellationHandler {
            let watch = BeginWatch(log: recovery.log, clock: environment.clock, logger: logger)
            try await watch.run { try await host.begin() }
        } onCancel: {
            host.abandon(because: "the node was asked to stop while it started")
        }
        // Reads are served whatever the log says of time.
        clocks.stampAbove(plan.beginnings.map(\.stampFloor).max() ?? .zero)
    }

    /// S2: the first records are stamped too, and the clock may have jumped while the start waited.
    func untilClockAgrees(_ clocks: ClockWatch) async throws {
        clocks.look()
        while stamps.time(of: environment.clock) == nil {
            try await environment.clock.sleep(for: ClockWatch.interval)
            clocks.look()
        }
    }

    func listen(
        _ host: ShardHost, _ queue: OperatorQueue, _ effects: NodeStreams, _ keys: TokenKeys
    ) async throws -> (any Listener, ServingAPI) {
        let serving = ServingAPI(
            identity: ServingIdentity(
                deploymentID: configuration.deployment.id, region: configuration.region.number,
                otherRegions: configuration.peers.count),
            keys: keys, shards: host.router, content: host.router, admission: admission,
            stamps: stamps, clock: environment.clock, entropy: environment.entropy, metrics: metrics,
            effects: effects.door, access: access)
        let operators = OperatorAPI(
            control: status, queue: queue, clock: environment.clock, refusals: ServingMetrics(factory: metrics),
            metrics: metrics)
        let watch = HealthWatch(admission, tasks: probes)
        let reflection = ReflectionService(of: [serving, operators, watch], tasks: probes)
        let security = configuration.tls.map { LinkSecurity.mutualTLS($0) } ?? .plaintext
        do {
            let listener = try await environment.links.listen(
                on: configuration.listen.api, security: security.expecting(.member(of: configuration.deployment.id)),
                handler: AccessDoor(ServiceTable([serving, operators, watch, reflection]), access))
            return (listener, serving)
        } catch {
            throw NodeError(.cannotListen, "listen.api: \(error)", nextStep: "correct listen.api or tls")
        }
    }
}
