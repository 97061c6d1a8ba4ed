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

/// The executable and the simulator run this same value; `run()` is one task group. `requestStop()`, a graceful shutdown or
/// the cancellation of its task ends it at any moment of its life (Decisions/0026): a start gives up and lets go of the
/// directory; a node that serves is drained: calls under way finish, everything appended is flushed, the log closes cleanly.
package final class MeridianNode: Service {
    package static let version = "0.1.0"

    private let configuration: NodeConfiguration
    private let environment: NodeEnvironment
    private let logger: Logger
    private let acceptsCorruption: Bool
    private let maxMeshConnections: Int?
    private let admission: AdmissionControl
    private let metrics = MetricsRegistry()
    private let gauges: AdmissionGauges
    private let stamps = StampGate()
    private let stop = StopRequest()
    /// Subscribers' calls run here.
    private let streams: StreamTasks
    /// Health watches and reflection, apart from subscribers: no number of them keeps one out.
    private let probes: StreamTasks
    private static let maxProbes = 1_024
    private let access: AccessControl
    private let tokenKeys: TokenKeyReload
    package let status: NodeStatus
    /// The files of `tls`; nil without.
    package let credentials: CredentialWatch?

    /// For the flush after the last call, whatever time the calls took.
    private static let flushMargin: Duration = .seconds(1)
    /// For the end of the log after that.
    private static let closeLimit: Duration = .seconds(2)
    /// What a stop takes beyond `limits.drain_timeout_ms` at most; who runs the node ends the process then.
    package static let stopMargin: Duration = .seconds(5)

    /// `acceptsCorruption`: start with what precedes damage in the journal instead of refusing to (S7).
    /// `maxMeshConnections`: of peers at once; nil leaves it to the links.
    package init(
        _ configuration: NodeConfiguration, environment: NodeEnvironment, logger: Logger,
        acceptsCorruption: Bool = false, maxMeshConnections: Int? = nil
    ) {
        self.maxMeshConnections = maxMeshConnections
        self.configuration = configuration
        self.environment = environment
        self.logger = logger
        self.acceptsCorruption = acceptsCorruption
        admission = AdmissionControl(
            limits: AdmissionLimits(
                calls: configuration.limits.callsInFlight, bytes: configuration.limits.requestBytesInFlight,
                load: configuration.limits.load, clientPercent: configuration.limits.clientPercent),
            loops: environment.executors.loops)
        let part = configuration.limits.clientPercent
        streams = StreamTasks(
            limit: EffectDoor.standardSubscribers,
            callerLimit: CallerShares.part(part, of: EffectDoor.standardSubscribers))
        probes = StreamTasks(limit: Self.maxProbes, callerLimit: CallerShares.part(part, of: Self.maxProbes))
        access = AccessControl(configuration, clock: environment.clock, metrics: metrics, logger: logger)
        tokenKeys = TokenKeyReload(
            files: environment.files, directory: configuration.log.directory, entropy: environment.entropy,
            logger: logger)
        gauges = AdmissionGauges(admission, clock: environment.clock, factory: metrics)
        metrics.addCollector { [gauges] in gauges.collect() }
        status = NodeStatus(
            facts: NodeFacts(
                deploymentID: configuration.deployment.id, node: configuration.nodeName,
                region: configuration.region.number, regionName: configuration.region.name, version: Self.version,
                partitions: configuration.deployment.partitions),
            clock: environment.clock, admission: admission, logger: logger, isAccessOpen: access.isOpen)
        credentials = CredentialWatch(configuration, environment: environment, logger: logger)
        if let credentials { status.onCredentials(credentials) }
        stop.onRequest { [status] in status.onStopping() }
    }

    /// Who may do what from now on; nothing changes where links are in plaintext. From any thread.
    func replaceAccess(_ rules: AccessRules) { access.replace(rules) }

    /// Uses the keys of tokens that these files hold from now on, and has the other regions compare theirs. Blocks on the disk.
    func replaceTokenKeys(_ configured: [NodeConfiguration.TokenKey]) async { await tokenKeys(configured) }

    /// Asks the node to end, wherever it stands; probes hear of it at once. From any thread; does not block.
    package func requestStop() { stop.request() }

    /// Serves until shutdown. Throws NodeError when the node cannot start, had to stop by itself, or could not finish
    /// stopping.
    package func run() async throws {
        try await withTaskCancellationOrGracefulShutdownHandler {
            try await runUntilStopped()
        } onCancelOrGracefulShutdown: { [stop] in
            stop.request()
        }
    }

    private func runUntilStopped() async throws {
        let disk = environment.executors.makeDedicatedExecutor(label: "meridian-disk")
        defer {
            disk.shutDown()
            metrics.removeCollectors()
            status.onEnded()
            tokenKeys.onEnded()
        }
        try await verifyCredentials(on: disk)
        try await warnOfSecrets(on: disk)
        let admin = try await listenForProbes()
        do {
            let claim = try await claimDirectory(on: disk)
            defer { claim.release() }
            let recovery = try await stop.unlessRequested { [self] in try await recover(claim, on: disk) }
            try await live(recovery, admin, disk: disk)
        } catch is CancellationError where stop.isRequested {
            logger.notice("asked to stop while it started")
        } catch {
            await admin.shutDown(by: environment.clock.bootTime())
            throw error
        }
        await admin.shutDown(by: environment.clock.bootTime())
        logger.notice("stopped")
    }

    /// A certificate that is not this node's, or not good today, would let nobody in: that is said before anything is done.
    private func verifyCredentials(on disk: any DedicatedExecutor) async throws {
        guard let credentials else { return }
        do {
            try await disk.run { () throws(LinkError) in try credentials.verify() }
        } catch {
            throw NodeError(.badCertificate, "\(error)", nextStep: "correct tls; see Runbooks/certificate-replaced.md")
        }
    }

    private func warnOfSecrets(on disk: any DedicatedExecutor) async throws {
        let (secrets, files) = (SecretFiles(configuration), environment.files)
        for warning in try await disk.run({ secrets.warnings(files: files) }) { logger.warning("\(warning)") }
    }

    /// From a recovered log to a closed one. A start that fails lets go of the directory too, so that the next one, in
    /// this process or another, finds it free.
    private func live(
        _ recovery: NodeRecovery, _ admin: any Listener, disk: any DedicatedExecutor
    ) async throws {
        do {
            let joined = try await stop.unlessRequested { [self] in try await join(recovery, disk: disk) }
            try await live(recovery, joined, admin, disk: disk)
        } catch {
            recovery.log.abandon()
            throw error
        }
        try await close(recovery.log)
    }

    private struct Joined: Sendable {
        let system: ClusterActorSystem
        let mesh: NodeMesh?
        let keys: TokenKeys
        let bootstrap: BootstrapParts
        let floors: FloorKeeper
    }

    private func join(_ recovery: NodeRecovery, disk: any DedicatedExecutor) async throws -> Joined {
        let system = try await ClusterActorSystem(
            types: [UserShard.self, ContentShard.self, LineageKeeper.self, CapacityReporter.self],
            environment: environment,
            placement: RegionPlacement(configuration.peers, deploymentID: configuration.deployment.id),
            security: configuration.tls.map { .mutualTLS($0) } ?? .plaintext,
            terms: configuration.mirrorSettings?.terms.fingerprint)
        let keys = TokenKeys(try await readKeys(on: disk))
        let bootstrap = BootstrapParts(recovery.log, configuration, files: environment.files)
        let floors = try await keepFloors(recovery, disk: disk)
        let mesh = try await NodeMesh.start(
            configuration, environment: environment, system: system, keyring: keys.ring, recovery: recovery,
            floors: floors, snapshots: bootstrap.published, disk: disk, logger: logger,
            maxConnections: maxMeshConnections,
            capacity: OwnCapacity(
                status: status, configuration: configuration, files: environment.files, disk: disk))
        tokenKeys.onStarted(keys, mesh?.mirror)
        return Joined(system: system, mesh: mesh, keys: keys, bootstrap: bootstrap, floors: floors)
    }

    /// Leaves the mesh at the end, whatever it was.
    private func live(
        _ recovery: NodeRecovery, _ joined: Joined, _ admin: any Listener, disk: any DedicatedExecutor
    ) async throws {
        do {
            let opened = try await stop.unlessRequested { [self] in
                try await open(recovery, joined, admin, disk: disk)
            }
            await serve(recovery, opened, joined.mesh, disk: disk)
            await joined.mesh?.mirror.part(opened.plan.incarnation)
        } catch {
            await leave(joined)
            throw error
        }
        await leave(joined)
    }

    private func leave(_ joined: Joined) async {
        await joined.mesh?.shutDown()
        joined.floors.end()
    }

    /// Throws NodeError `.stopUnfinished`. Untyped: inlined with a typed error it crashes the compiler (6.3.1).
    private func close(_ log: SegmentLog) async throws {
        guard await log.close(by: environment.clock.bootTime().advanced(by: Self.closeLimit)) else {
            throw NodeError(
                .stopUnfinished, "the disk of \(configuration.log.directory) has not answered for \(Self.closeLimit)",
                nextStep: "look at the disk; what was acknowledged is there, and the next start verifies it")
        }
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

    private struct Opened: Sendable {
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
    }

    private func open(
        _ recovery: NodeRecovery, _ joined: Joined, _ admin: any Listener, disk: any DedicatedExecutor
    ) async throws -> Opened {
        let (system, mesh) = (joined.system, joined.mesh)
        let clocks = watchClocks(mesh)
        clocks.look()
        status.connect(
            RegionObservation(
                mirror: mesh?.mirror, clocks: clocks, system: system,
                partitions: configuration.deployment.partitions, clock: environment.clock))
        let (host, plan) = try await start(recovery, joined, clocks, disk: disk)
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
            "ready",
            metadata: [
                "api": "\(api.endpoint)", "admin": "\(admin.endpoint)", "region": "\(configuration.region.name)",
            ]
        )
        return Opened(
            host: host, plan: plan, clocks: clocks, queue: queue, api: api, serving: serving, effects: effects,
            derived: derived, bootstrap: joined.bootstrap, floors: joined.floors)
    }

    private func watchClocks(_ mesh: NodeMesh?) -> ClockWatch {
        let mirror = mesh?.mirror
        return ClockWatch(
            bounds: configuration.timeBounds, clock: environment.clock, gate: stamps, logger: logger,
            peers: { mirror?.peerClocks() ?? [:] }, onRefusing: { mirror?.setRefusingWrites($0) })
    }

    /// Lets the calls under way finish, then what was appended reach the disk. Whoever waits for a flush that does not come
    /// is told so: on a full disk nothing may ever move again, and what was not flushed was not acknowledged either.
    private func drain(_ opened: Opened) async {
        let clock = environment.clock
        let deadline = clock.bootTime().advanced(by: configuration.limits.drainTimeout)
        await opened.api.shutDown(by: deadline)
        let flushed = max(deadline, clock.bootTime()).advanced(by: Self.flushMargin)
        let timer = environment.executors.loops[0].schedule(at: flushed) {
            opened.host.abandon(because: "the node stopped before the disk took everything")
        }
        await opened.host.drain()
        timer.cancel()
    }

    /// Before anything else is read or written: that this start can listen, whose the directory is, and that nobody else uses it.
    private func claimDirectory(on disk: any DedicatedExecutor) async throws -> DirectoryClaim {
        let (path, files, logger) = (configuration.log.directory, environment.files, logger)
        let (ports, links) = (PortCheck(configuration), environment.links)
        let (identity, needed) = (configuration.directoryIdentity, NodeRecoveryRun.neededBytes(configuration))
        do {
            let claim = try await disk.run { () throws(any Error) in
                try ports.check(links)
                return try DirectoryClaim.take(path, for: identity, needing: needed, files: files)
            }
            if let first = FirstStart(claim.found, configuration) {
                logger.log(level: first.isSuspicious ? .warning : .notice, "\(first)")
            }
            status.onDirectory(
                try await disk.run { OperatorJournal(directory: path, files: files, logger: logger) }, disk)
            return claim
        } catch let refusal as DirectoryRefusal {
            throw NodeError(refusal)
        }
    }

    private func recover(_ claim: DirectoryClaim, on disk: any DedicatedExecutor) async throws -> NodeRecovery {
        let run = NodeRecoveryRun(
            configuration, environment: environment, acceptsCorruption: acceptsCorruption, claim: claim,
            isGivenUp: { [stop] in stop.isRequested })
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
        _ recovery: NodeRecovery, _ joined: Joined, _ clocks: ClockWatch, disk: any DedicatedExecutor
    ) async throws -> (ShardHost, IncarnationPlan) {
        let mesh = joined.mesh
        if !environment.clock.isSynchronised() {
            // A sole member has no other clock to disagree with (Decisions/0005).
            logger.warning("nothing disciplines this machine's clock; run chrony or systemd-timesyncd")
        }
        if recovery.plan.wait > .zero {
            logger.notice("first start on this disk: waiting", metadata: ["wait": "\(recovery.plan.wait)"])
            try await environment.clock.sleep(for: recovery.plan.wait)
        }
        try await mesh?.start.waitForMembers(unsettled: recovery.unsettledStarts)
        let plan = try await mesh?.start.raise(recovery.plan) ?? recovery.plan
        try await untilClockAgrees(clocks)
        try await mesh?.start.claim(plan.incarnation)
        let (mirror, floors) = (mesh?.mirror, joined.floors)
        let host = try ShardHost(
            recovery, plan, system: joined.system, configuration: configuration, environment: environment, disk: disk,
            stamps: stamps,
            onAgreed: { ends, base in
                if let mirror { return mirror.onAgreed(ends, base: base) }
                floors.onBase(base, of: ends.name)
                floors.onKnown([ends])
            },
            onShort: { [wants = joined.bootstrap.wants] in wants.want($0, $1) })
        if mesh == nil { floors.listen(to: host.router) }
        // A disk that stands still would hold the start for as long.
        try await withTaskCancellationHandler {
            let watch = BeginWatch(log: recovery.log, clock: environment.clock, logger: logger)
            try await watch.run { try await host.begin() }
        } onCancel: {
            host.abandon(because: "the node was asked to stop while it started")
        }
        // Reads are served whatever the log says of time.
        clocks.stampAbove(plan.beginnings.map(\.stampFloor).max() ?? .zero)
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

    /// Before peers are greeted: they compare fingerprints of keys.
    private func readKeys(on disk: any DedicatedExecutor) async throws -> TokenKeyring {
        let (tokenKeys, configured) = (tokenKeys, configuration.tokenKeys)
        return try await disk.run { () throws(NodeError) in try tokenKeys.read(configured) }
    }

    private func listen(
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

    /// Until shutdown, and on until what was appended is flushed: with everything that runs beside calls, some of which waits
    /// for the disk too and ends with the flush or with its limit.
    private func serve(
        _ recovery: NodeRecovery, _ opened: Opened, _ mesh: NodeMesh?, disk: any DedicatedExecutor
    ) async {
        let (clock, router) = (environment.clock, opened.host.router)
        let slow = environment.executors.makeDedicatedExecutor(label: "meridian-upkeep")
        defer {
            opened.derived.shutDown()
            opened.effects.shutDown()
            slow.shutDown()
        }
        let marks = TimeMarkRun(router: router, clock: clock, bounds: configuration.timeBounds)
        let snapshots = SnapshotRun(
            router: router, store: opened.bootstrap.store, covered: recovery.covered,
            published: opened.bootstrap.published, clock: clock, executor: disk,
            interval: configuration.limits.snapshotInterval, logger: logger,
            onPublished: { [floors = opened.floors, own = configuration.region.number] in
                floors.onPublished($0, by: own)
            },
            hurries: { [floors = opened.floors] in floors.hurries })
        let bootstrap = mesh.map { mesh in
            BootstrapRun(
                log: recovery.log, mirror: mesh.mirror, router: router, snapshots: snapshots,
                wants: opened.bootstrap.wants, configuration: configuration, clock: clock, executor: slow,
                logger: logger)
        }
        if let bootstrap { status.onBootstrap(bootstrap) }
        let upkeep = LogUpkeepRun(
            log: recovery.log, mirror: mesh?.mirror, snapshots: snapshots, floors: opened.floors,
            pins: { [effects = opened.effects] in effects.pins(on: $0) },
            isShort: { bootstrap?.isNeeded ?? false }, configuration: configuration, environment: environment,
            executor: slow, logger: logger)
        status.onUpkeep(upkeep)
        opened.floors.hold { [log = recovery.log, effects = opened.effects] in effects.neededStarts(of: log.logs()) }
        let logWatch = LogWatch(log: recovery.log, status: status, clock: clock, logger: logger)
        let shardWatch = ShardWatch(router: router, status: status, clock: clock, logger: logger)
        await withTaskGroup(of: Void.self) { group in
            // Each ends by cancellation only; a CancellationError is how it says so.
            group.addTask { try? await marks.run() }
            group.addTask { try? await opened.derived.run() }  // likewise
            group.addTask { try? await snapshots.run() }  // likewise
            group.addTask { try? await logWatch.run() }  // likewise
            group.addTask { try? await shardWatch.run() }  // likewise
            group.addTask { try? await upkeep.run() }  // likewise
            group.addTask { try? await upkeep.scrub() }  // likewise
            group.addTask { try? await upkeep.watchPlace() }  // likewise
            group.addTask { try? await opened.clocks.run() }  // likewise
            group.addTask { [credentials] in try? await credentials?.run() }  // likewise
            if let bootstrap { group.addTask { try? await bootstrap.run() } }  // likewise
            group.addTask { try? await opened.effects.run(opened.serving) }  // likewise
            group.addTask { await opened.queue.run() }
            group.addTask { [streams] in await streams.run() }
            group.addTask { [probes] in await probes.run() }
            if let mesh { group.addTask { await mesh.run(opened.plan, router: router) } }
            await stop.untilRequested()
            logger.notice("draining")
            group.cancelAll()
            await drain(opened)
        }
    }
}
