// A whole node under simulated users, dying and starting again; afterwards its disk is compared with what the users were
// told.

import ClusterModel
import EventLog
import Logging
import MeridianClient
import MeridianNode
import MeridianProtocol
import NodeEnvironment
import SimulatedEnvironment
import Synchronization

/// How much a run does.
package struct ScenarioSize: Hashable, Sendable {
    package var users = 6
    /// Calls of each user.
    package var steps = 40
    package var deaths = 4
    /// SIGTERM at so many moments, beside a disk that may stand still.
    package var stops = 0
    /// How many of a thousand calls lose their connection on the way.
    package var lostCallsPerThousand: UInt64 = 10
    /// The disk says that it synced and did not, and the node is told to start whatever is left: the run must then find
    /// acknowledged events missing (the canary of the checks).
    package var diskLies = false

    package init() {}
}

/// Runs one seed. Deterministic: the same seed gives the same report, trace hash included.
package struct NodeScenario {
    private let seed: UInt64
    private let size: ScenarioSize
    private let simulation: Simulation
    private let ledger: EventLedger

    static let directory = "data"
    private static let maxPublications = 20
    private static let consumerLimit: Duration = .seconds(60)
    private static let yaml = """
        deployment: {id: simulated, partitions: 4}
        region: {name: sim-1, number: 1}
        node: {name: n1}
        log: {directory: data, segment_bytes: 9437184}
        limits: {snapshot_interval_seconds: 1, drain_timeout_ms: 2000}

        """

    package init(seed: UInt64, size: ScenarioSize = ScenarioSize()) {
        self.seed = seed
        self.size = size
        simulation = Simulation(seed: seed)
        ledger = EventLedger(seed: seed)
    }

    /// One node alone, small, with snapshots every second.
    static func configuration() throws -> NodeConfiguration {
        try NodeConfiguration(yaml: yaml, file: "simulated.yaml")
    }

    /// Never throws: what goes wrong is a violation. `keepsTrace` fills the report's trace.
    package func run(keepsTrace: Bool = false) -> ScenarioReport {
        if keepsTrace { simulation.scheduler.keepTrace() }
        var report = ScenarioReport(seed: seed)
        do {
            try play()
        } catch {
            let node = simulation.machine("node").currentTask?.outcome.map { "\($0)" } ?? "running"
            ledger.violated("run", "\(error); node: \(node)")
        }
        report.violations = ledger.violations
        report.rarePaths = ledger.rarePaths
        let lost = simulation.network.counts.lost
        if lost > 0 { report.rarePaths[.connectionLost] = lost }
        report.acknowledged = ledger.entries.count { $0.acknowledged != nil }
        report.simulated = simulation.simulated
        report.steps = simulation.scheduler.steps
        report.traceHash = simulation.traceHash
        report.trace = simulation.scheduler.trace
        return report
    }

    private func play() throws {
        let configuration = try Self.configuration()
        let machine = simulation.machine("node")
        var network = NetworkFaults()
        network.lostCallsPerThousand = size.lostCallsPerThousand
        simulation.network.setFaults(network)
        let run = NodeRun(machine: machine, configuration: configuration, acceptsCorruption: size.diskLies)
        let (size, simulation, ledger, seed) = (size, simulation, ledger, seed)
        let digests = try simulation.drive(limit: .seconds(300)) { () async throws -> [PartitionID: Digest128] in
            run.start()
            let phone = simulation.machine("phone").environment
            guard let region = RegionEndpoints([configuration.listen.api], security: .plaintext) else { return [:] }
            let client = try MeridianClient(region: region, environment: phone)
            if size.diskLies {
                // Only once the node serves: one that lost its token key or its identity would stop for that instead.
                _ = try await Self.digests(client)
                var faults = DiskFaults()
                faults.ignoresSync = true
                machine.disk.setFaults(faults)
            }
            let consumer = SimulatedConsumer(client, clock: phone.clock, ledger: ledger, seed: seed ^ 0xc0)
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { await consumer.run() }
                try await Self.liveThrough(run, client, phone.clock, ledger, size, seed)
                simulation.scheduler.note("users are done")
                simulation.network.setFaults(NetworkFaults())
                try await consumer.awaitAll(within: Self.consumerLimit)
                group.cancelAll()
            }
            let digests = try await Self.digests(client)
            await client.close()
            simulation.scheduler.note("stop")
            try await run.stop()
            return digests
        }
        // A node that has ended lets go of its log and with it of its shards, or restarts would pile up in one process.
        // Timers that it set may still hold it for a while.
        simulation.run(for: .seconds(120))
        if machine.disk.heldFiles > 0 {
            ledger.violated("run", "\(machine.disk.heldFiles) files are held by nodes that have ended")
        }
        let audit = DiskAudit(
            machine: machine, configuration: configuration, acceptsCorruption: size.diskLies, ledger: ledger)
        try simulation.drive { try await audit.run(servedDigests: digests) }
    }

    /// Users and deaths side by side; returns when both are done and the node is up.
    private static func liveThrough(
        _ run: NodeRun, _ client: MeridianClient, _ clock: any NodeClock, _ ledger: EventLedger, _ size: ScenarioSize,
        _ seed: UInt64
    ) async throws {
        var seeds = SeededGenerator(seed: seed ^ 0x5ce4_a210)
        var plan = CrashPlan(machine: run.machine, clock: clock, ledger: ledger, seed: seeds.next())
        var stops = StopPlan(run: run, clock: clock, ledger: ledger, seed: seed ^ 0x5109)
        let userSeeds = (0..<size.users).map { _ in seeds.next() }
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { await Self.publish(client, ledger) }
            for (number, userSeed) in userSeeds.enumerated() {
                group.addTask {
                    var user = SimulatedUser(
                        name: "user-\(number)", partitions: run.partitions, client: client, clock: clock,
                        ledger: ledger, seed: userSeed)
                    await user.run(steps: size.steps)
                }
            }
            for _ in 0..<size.deaths { try await plan.strike { run.start() } }
            for _ in 0..<size.stops { try await stops.strike() }
            try await group.waitForAll()
        }
    }

    /// Fills the catalogue, as often as it takes: content is written once it is flushed.
    private static func publish(_ client: MeridianClient, _ ledger: EventLedger) async {
        let items = SimulatedContent.items(SimulatedUser.contents)
        for _ in 0..<maxPublications {
            do throws(MeridianClientError) {
                _ = try await client.publish(items, options: CallOptions(timeout: .seconds(5)))
                return
            } catch {
                ledger.saw(.outcomeUnknown)
            }
        }
        ledger.violated("run", "the catalogue could not be published")
    }

    /// By partition. Waits for a node that is still starting.
    private static func digests(_ client: MeridianClient) async throws -> [PartitionID: Digest128] {
        let reply = try await client.digest(options: CallOptions(timeout: .seconds(60)))
        var digests: [PartitionID: Digest128] = [:]
        for partition in reply.partitions { digests[PartitionID(partition.partition)] = Digest128(partition.digest) }
        return digests
    }
}

/// Starts and stops the node on its machine.
final class NodeRun: Sendable {
    let machine: SimulatedMachine
    var partitions: PartitionCount { configuration.deployment.partitions }
    /// From the request to the end.
    var stopLimit: Duration { configuration.limits.drainTimeout + MeridianNode.stopMargin }
    private let configuration: NodeConfiguration
    private let acceptsCorruption: Bool
    private let unsettledLimit: Int
    private let logger: Logger
    private let served = Atomic<Bool>(false)
    private let outrun = Atomic<Int>(0)

    init(
        machine: SimulatedMachine, configuration: NodeConfiguration, acceptsCorruption: Bool,
        unsettledLimit: Int = UnsettledStarts.waited,
        logger: Logger = Logger(label: "simulated") { _ in SwiftLogNoOpLogHandler() }
    ) {
        self.unsettledLimit = unsettledLimit
        self.logger = logger
        self.machine = machine
        self.configuration = configuration
        self.acceptsCorruption = acceptsCorruption
    }

    /// Whether the node that ended last had come to serve.
    var hadServed: Bool { served.load(ordering: .relaxed) }

    /// How often the node ended since a later start of its region was known, and was started again.
    var outruns: Int { outrun.load(ordering: .relaxed) }

    /// As a supervisor would where the node says so itself (Decisions/0030): it is started again, above the other start.
    func start() {
        machine.start { [self] environment in
            while true {
                do {
                    return try await runOnce(environment)
                } catch let error as NodeError where error.code == .lineOutrun {
                    outrun.wrappingAdd(1, ordering: .relaxed)
                }
            }
        }
    }

    private func runOnce(_ environment: NodeEnvironment) async throws {
        let node = MeridianNode(
            configuration, environment: environment, logger: logger, acceptsCorruption: acceptsCorruption,
            unsettledLimit: unsettledLimit)
        defer { served.store(node.status.recovery != nil, ordering: .relaxed) }
        try await node.run()
    }

    /// Drains the node; throws when it ends with an error.
    func stop() async throws {
        guard let task = machine.currentTask else { return }
        task.cancel()
        while task.outcome == nil { try await machine.clock.sleep(for: .milliseconds(5)) }
        try task.outcome?.get()
    }
}
