// One node, from configuration and environment: recover, join the mesh, begin, serve, drain.

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

    let configuration: NodeConfiguration
    let environment: NodeEnvironment
    let logger: Logger
    private let acceptsCorruption: Bool
    let maxMeshConnections: Int?
    /// With so many starts that are not settled this one opens nothing (S1b).
    let unsettledLimit: Int
    let admission: AdmissionControl
    let metrics = MetricsRegistry()
    private let gauges: AdmissionGauges
    let stamps = StampGate()
    let stop = StopRequest()
    /// Subscribers' calls run here.
    let streams: StreamTasks
    /// Health watches and reflection, apart from subscribers: no number of them keeps one out.
    let probes: StreamTasks
    private static let maxProbes = 1_024
    let access: AccessControl
    let tokenKeys: TokenKeyReload
    package let status: NodeStatus
    /// The files of `tls`; nil without.
    package let credentials: CredentialWatch?

    /// For the flush after the last call, whatever time the calls took.
    static let flushMargin: Duration = .seconds(1)
    /// For the end of the log after that.
    static let closeLimit: Duration = .seconds(2)
    /// What a stop takes beyond `limits.drain_timeout_ms` at most; who runs the node ends the process then.
    package static let stopMargin: Duration = .seconds(5)

    /// `acceptsCorruption`: start with what precedes damage in the journal instead of refusing to (S7).
    /// `maxMeshConnections`: of peers at once; nil leaves it to the links.
    package init(
        _ configuration: NodeConfiguration, environment: NodeEnvironment, logger: Logger,
        acceptsCorruption: Bool = false, maxMeshConnections: Int? = nil,
        unsettledLimit: Int = UnsettledStarts.waited
    ) {
        self.unsettledLimit = unsettledLimit
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
        if let failure = stop.failure { throw failure }
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

    /// Probes and metrics answer from the first moment, so that a long recovery is seen as one.
    private func listenForProbes() async throws -> any Listener {
        let pages = AdminPages(control: status, metrics: metrics)
        do {
            return try await environment.links.servePages(on: configuration.listen.admin, handler: pages)
        } catch {
            throw NodeError(.cannotListen, "listen.admin: \(error)", nextStep: "choose a free port, or port 0")
        }
    }
}
