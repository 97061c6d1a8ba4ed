// One node, from configuration and environment: recover, begin, serve, drain.

import ActorCluster
import ClusterModel
import EventLog
package import Logging
package import NodeEnvironment
import OperatorAPI
import Personalization
import RegionMirror
import SegmentLog
import ServiceLifecycle
import ServingAPI

/// The executable and the simulator run this same value; `run()` is one task group. A graceful shutdown, or the
/// cancellation of its task, drains it: calls under way finish, everything appended is flushed, the log closes cleanly.
package final class MeridianNode: Service {
    package static let version = "0.1.0"

    private let configuration: NodeConfiguration
    private let environment: NodeEnvironment
    private let logger: Logger
    private let acceptsCorruption: Bool
    private let admission: AdmissionControl
    private let metrics = MetricsRegistry()
    private let gauges: AdmissionGauges
    private let stamps = StampGate()
    /// Handlers of streaming calls run here.
    private let streams = StreamTasks(limit: MeridianNode.maxStreams)
    private static let maxStreams = 1_024
    package let status: NodeStatus

    /// `acceptsCorruption`: start with what precedes damage in the journal instead of refusing to (S7).
    package init(
        _ configuration: NodeConfiguration, environment: NodeEnvironment, logger: Logger,
        acceptsCorruption: Bool = false
    ) {
        self.configuration = configuration
        self.environment = environment
        self.logger = logger
        self.acceptsCorruption = acceptsCorruption
        admission = AdmissionControl(
            limits: AdmissionLimits(
                calls: configuration.limits.callsInFlight, bytes: configuration.limits.requestBytesInFlight,
                load: configuration.limits.load), loops: environment.executors.loops)
        gauges = AdmissionGauges(admission, clock: environment.clock, factory: metrics)
        metrics.addCollector { [gauges] in gauges.collect() }
        status = NodeStatus(
            facts: NodeFacts(
                deploymentID: configuration.deployment.id, node: configuration.nodeName,
                region: configuration.region.number, regionName: configuration.region.name, version: Self.version,
                partitions: configuration.deployment.partitions),
            clock: environment.clock, admission: admission)
    }

    /// Serves until shutdown. Throws NodeError when the node cannot start, or had to stop by itself.
    package func run() async throws {
        let disk = environment.executors.makeDedicatedExecutor(label: "meridian-disk")
        defer {
            disk.shutDown()
            metrics.removeCollectors()
            status.onEnded()
        }
        let admin = try await listenForProbes()
        do {
            try await live(try await recover(on: disk), admin, disk: disk)
        } catch {
            await admin.shutDown(by: environment.clock.bootTime())
            throw error
        }
        await admin.shutDown(by: environment.clock.bootTime())
        logger.notice("stopped")
    }

    /// From a recovered log to a closed one. A start that fails lets go of the directory too, so that the next one, in
    /// this process or another, finds it free.
    private func live(
        _ recovery: NodeRecovery, _ admin: any Listener, disk: any DedicatedExecutor
    ) async throws {
        var mesh: NodeMesh?
        do {
            let system = try await ClusterActorSystem(
                types: [UserShard.self, ContentShard.self, LineageKeeper.self], environment: environment,
                placement: RegionPlacement(configuration.peers),
                security: configuration.tls.map { .mutualTLS($0) } ?? .plaintext)
            let floors = try await keepFloors(recovery, disk: disk)
            mesh = try await NodeMesh.start(
                configuration, environment: environment, system: system, log: recovery.log, floors: floors, disk: disk,
                logger: logger)
            let serving = try await open(recovery, system, mesh, floors, admin, disk: disk)
            await serve(recovery, serving, mesh, floors, disk: disk)
        } catch {
            await mesh?.shutDown()
            recovery.log.abandon()
            throw error
        }
        await mesh?.shutDown()
        await recovery.log.close()
    }

    /// Floors that were synced take effect before anything else reads the logs (S1b).
    private func keepFloors(_ recovery: NodeRecovery, disk: any DedicatedExecutor) async throws -> FloorKeeper {
        let floors = FloorKeeper(
            own: configuration.region.number,
            members: [configuration.region.number] + configuration.peers.map(\.number),
            drops: configuration.log.trims, book: recovery.lineage, directory: configuration.log.directory,
            engine: recovery.log, environment: environment, disk: disk, logger: logger)
        try await disk.run { () throws(any Error) in try floors.begin() }
        return floors
    }

    /// What serves once a start has come through.
    private struct Opened {
        var host: ShardHost
        var plan: IncarnationPlan
        var clocks: ClockWatch
        var queue: OperatorQueue
        var api: any Listener
        var serving: ServingAPI
        var effects: NodeStreams
    }

    private func open(
        _ recovery: NodeRecovery, _ system: ClusterActorSystem, _ mesh: NodeMesh?, _ floors: FloorKeeper,
        _ admin: any Listener, disk: any DedicatedExecutor
    ) async throws -> Opened {
        let clocks = watchClocks(mesh)
        clocks.look()
        status.connect(
            RegionObservation(
                mirror: mesh?.mirror, clocks: clocks, system: system,
                partitions: configuration.deployment.partitions, clock: environment.clock))
        let (host, plan) = try await start(recovery, system, mesh, floors, clocks, disk: disk)
        let queue = OperatorQueue()
        let effects = try await NodeStreams.open(
            configuration, environment: environment, router: host.router, log: recovery.log, tasks: streams,
            logger: logger)
        let (api, serving): (any Listener, ServingAPI)
        do {
            (api, serving) = try await listen(host, queue, effects, disk: disk)
        } catch {
            effects.shutDown()
            throw error
        }
        let links = LinkGauges(factory: metrics)
        metrics.addCollector {
            links.collect(api, named: "api")
            if let mesh { links.collect(mesh.listener, named: "mesh") }
        }
        status.onServing(recovery.log, host.router, recovery.log.recovered)
        logger.notice(
            "ready",
            metadata: [
                "api": "\(api.endpoint)", "admin": "\(admin.endpoint)", "region": "\(configuration.region.name)",
            ]
        )
        return Opened(
            host: host, plan: plan, clocks: clocks, queue: queue, api: api, serving: serving, effects: effects)
    }

    /// Until shutdown, and on until what was appended is flushed.
    private func serve(
        _ recovery: NodeRecovery, _ opened: Opened, _ mesh: NodeMesh?, _ floors: FloorKeeper,
        disk: any DedicatedExecutor
    ) async {
        await runBesideCalls(recovery, opened, mesh, floors, disk: disk)
        floors.end()
        logger.notice("draining")
        await status.drain()
        await opened.api.shutDown(by: environment.clock.bootTime().advanced(by: configuration.limits.drainTimeout))
        opened.effects.shutDown()
        await drain(opened.host)
    }

    private func watchClocks(_ mesh: NodeMesh?) -> ClockWatch {
        let mirror = mesh?.mirror
        return ClockWatch(
            bounds: configuration.timeBounds, clock: environment.clock, gate: stamps, logger: logger,
            peers: { mirror?.peerClocks() ?? [:] }, onRefusing: { mirror?.setRefusingWrites($0) })
    }

    /// Waits for the disk, but not longer than calls may: on a full one nothing may ever move again, and what was not
    /// flushed was not acknowledged either.
    private func drain(_ host: ShardHost) async {
        let (clock, limit) = (environment.clock, configuration.limits.drainTimeout)
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await host.drain() }
            group.addTask {
                do { try await clock.sleep(for: limit) } catch { return }
                host.abandon(because: "the node stopped before the disk took everything")
            }
            await group.next()
            group.cancelAll()
        }
    }

    private func recover(on disk: any DedicatedExecutor) async throws -> NodeRecovery {
        let run = NodeRecoveryRun(configuration, environment: environment, acceptsCorruption: acceptsCorruption)
        let recovery = try await run.run(on: disk)
        for refused in recovery.refusedSnapshots {
            logger.warning("snapshot refused", metadata: ["reason": "\(refused)"])
        }
        let report = recovery.log.recovered
        logger.notice(
            "recovered",
            metadata: [
                "logs": "\(report.logs.count)", "clean_stop": "\(report.wasCleanStop)",
                "cut_bytes": "\(report.cutBytes)",
                "rewritten_batches": "\(report.rewrittenBatches)", "snapshots": "\(recovery.restoredShards)",
            ])
        return recovery
    }

    private func start(
        _ recovery: NodeRecovery, _ system: ClusterActorSystem, _ mesh: NodeMesh?, _ floors: FloorKeeper,
        _ clocks: ClockWatch, disk: any DedicatedExecutor
    ) async throws -> (ShardHost, IncarnationPlan) {
        if !environment.clock.isSynchronised() {
            // A sole member has no other clock to disagree with (Decisions/0005).
            logger.warning("nothing disciplines this machine's clock; run chrony or systemd-timesyncd")
        }
        if recovery.plan.wait > .zero {
            logger.notice("first start on this disk: waiting", metadata: ["wait": "\(recovery.plan.wait)"])
            try await environment.clock.sleep(for: recovery.plan.wait)
        }
        let plan = try await mesh?.raise(recovery.plan) ?? recovery.plan
        try await untilClockAgrees(clocks)
        let mirror = mesh?.mirror
        let host = try ShardHost(
            recovery, plan, system: system, configuration: configuration, environment: environment, disk: disk,
            stamps: stamps,
            onAgreed: { ends, base in
                if let mirror { return mirror.onAgreed(ends, base: base) }
                floors.onBase(base, of: ends.name)
                floors.onKnown([ends])
            })
        if mesh == nil { floors.listen(to: host.router) }
        try await host.begin()
        return (host, plan)
    }

    /// S2: the first records are stamped too, and the clock may have jumped while the start waited.
    private func untilClockAgrees(_ clocks: ClockWatch) async throws {
        clocks.look()
        while stamps.time(of: environment.clock) == nil {
            try await environment.clock.sleep(for: ClockWatch.interval)
            clocks.look()
        }
    }

    /// Probes and metrics answer from the first moment, so that a long recovery is seen as one.
    private func listenForProbes() async throws -> any Listener {
        let pages = AdminPages(control: status, metrics: metrics)
        do {
            return try await environment.links.servePages(on: configuration.listen.admin, handler: pages)
        } catch {
            throw NodeError(.cannotListen, "listen.admin: \(error)", nextStep: "choose a free port, or port 0")
        }
    }

    private func listen(
        _ host: ShardHost, _ queue: OperatorQueue, _ effects: NodeStreams, disk: any DedicatedExecutor
    ) async throws -> (any Listener, ServingAPI) {
        let keys = TokenKeyFiles(files: environment.files)
        let (configuration, entropy) = (configuration, environment.entropy)
        let keyring = try await disk.run { () throws(any Error) in
            try keys.keyring(configuration.tokenKeys, directory: configuration.log.directory, entropy: entropy)
        }
        let serving = ServingAPI(
            identity: ServingIdentity(
                deploymentID: configuration.deployment.id, region: configuration.region.number,
                otherRegions: configuration.peers.count),
            keyring: keyring, shards: host.router, content: host.router, admission: admission,
            stamps: stamps, clock: environment.clock, entropy: environment.entropy, metrics: metrics,
            effects: effects.door)
        let operators = OperatorAPI(
            control: status, demandsCertificate: configuration.tls != nil, queue: queue, clock: environment.clock,
            refusals: ServingMetrics(factory: metrics), metrics: metrics)
        let watch = HealthWatch(admission, tasks: streams)
        let reflection = ReflectionService(of: [serving, operators, watch], tasks: streams)
        do {
            let listener = try await environment.links.listen(
                on: configuration.listen.api, security: configuration.tls.map { .mutualTLS($0) } ?? .plaintext,
                handler: ServiceTable([serving, operators, watch, reflection]))
            return (listener, serving)
        } catch {
            throw NodeError(.cannotListen, "listen.api: \(error)", nextStep: "correct listen.api or tls")
        }
    }

    /// Everything that runs beside calls; ends at shutdown.
    private func runBesideCalls(
        _ recovery: NodeRecovery, _ opened: Opened, _ mesh: NodeMesh?, _ floors: FloorKeeper,
        disk: any DedicatedExecutor
    ) async {
        let (clock, router) = (environment.clock, opened.host.router)
        let derive = environment.executors.makeDedicatedExecutor(label: "meridian-derive")
        let slow = environment.executors.makeDedicatedExecutor(label: "meridian-upkeep")
        defer {
            derive.shutDown()
            slow.shutDown()
        }
        let marks = TimeMarkRun(router: router, clock: clock, bounds: configuration.timeBounds)
        let popularity = PopularityRefresh(router: router, clock: clock, executor: derive)
        let snapshots = SnapshotRun(
            router: router,
            store: SnapshotStore(
                directory: NodeRecoveryRun.snapshotDirectory(configuration), files: environment.files),
            covered: recovery.covered, clock: clock, executor: disk,
            interval: configuration.limits.snapshotInterval, logger: logger,
            onPublished: { [own = configuration.region.number] in floors.onPublished($0, by: own) },
            hurries: { floors.hurries })
        let upkeep = LogUpkeepRun(
            log: recovery.log, mirror: mesh?.mirror, snapshots: snapshots,
            pins: { [effects = opened.effects] in effects.pins(on: $0) }, configuration: configuration,
            environment: environment,
            executor: slow, logger: logger)
        status.onUpkeep(upkeep)
        let logWatch = LogWatch(log: recovery.log, status: status, clock: clock, logger: logger)
        await withTaskGroup(of: Void.self) { group in
            // Each ends by cancellation only; a CancellationError is how it says so.
            group.addTask { try? await marks.run() }
            group.addTask { try? await popularity.run() }  // likewise
            group.addTask { try? await snapshots.run() }  // likewise
            group.addTask { try? await logWatch.run() }  // likewise
            group.addTask { try? await upkeep.run() }  // likewise
            group.addTask { try? await upkeep.scrub() }  // likewise
            group.addTask { try? await opened.clocks.run() }  // likewise
            group.addTask { try? await opened.effects.run(opened.serving) }  // likewise
            group.addTask { await opened.queue.run() }
            group.addTask { [streams] in await streams.run() }
            if let mesh { group.addTask { await mesh.run(opened.plan, router: router) } }
            await Self.untilShutdown()
            group.cancelAll()
        }
    }

    /// Returns at a graceful shutdown or at the task's cancellation. ServiceLifecycle's `gracefulShutdown()` makes a task
    /// of its own when it is cancelled, outside the node's executors; this does not.
    private static func untilShutdown() async {
        let (signals, source) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
        await withTaskCancellationOrGracefulShutdownHandler {
            for await _ in signals {}
        } onCancelOrGracefulShutdown: {
            source.finish()
        }
    }
}
