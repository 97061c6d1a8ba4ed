// The regions of a simulated deployment: each a whole node on a machine of its own, and the phones that reach them all.

import ClusterModel
import EventLog
import Logging
import MeridianClient
import MeridianNode
import NodeEnvironment
import SimulatedEnvironment
import Synchronization

/// Time bounds and sizes that make everything slow happen within a run: ids are forgotten after some 12 s.
package struct RegionBounds: Hashable, Sendable {
    package var maxDriftMilliseconds = 50
    package var maxFutureMilliseconds = 400
    package var maxAgeSeconds = 2
    package var timeMarkMilliseconds = 400
    package var heartbeatMilliseconds = 50
    package var stallMilliseconds = 1_000
    package var snapshotSeconds = 2
    package var partitions = 2
    /// Segments go once their records are some seconds old and nothing holds them (S5), and snapshots are fetched in pieces of a
    /// kilobyte.
    package var trims = false
    /// With so many starts that are not settled a start opens nothing (S1b).
    package var unsettledLimit = UnsettledStarts.waited

    package init() {}

    /// Everything that trimming waits for comes quickly.
    package static var trimming: RegionBounds {
        var bounds = RegionBounds()
        bounds.trims = true
        bounds.snapshotSeconds = 1
        return bounds
    }

    /// How old records are at least when they are trimmed. No YAML says so little.
    static let retention = Duration.seconds(4)
    static let bootstrapBytesPerSecond: UInt64 = 8 << 10
}

/// Starts, stops and names the regions. Thread-safe.
final class RegionDeployment: Sendable {
    static let directory = "data"
    static let deploymentID = "simulated"
    /// The machine of the phones and of the operator.
    static let phones = "phones"
    private static let keyPath = "keys/token-1.key"
    private static let roles = "[app, publisher, consumer, analyst, operator]"
    private static let secret = [UInt8](repeating: 0x5a, count: 32)

    private struct Life {
        /// Starts so far.
        var number = 0
        /// Disks lost, or replaced by older ones.
        var diskFaults = 0
        var run: NodeRun?
    }

    let simulation: Simulation
    private let ledger: RegionLedger
    private let acceptsCorruption: Bool
    let regions: [RegionNumber]
    let configurations: [NodeConfiguration]
    let keyring: TokenKeyring
    let trims: Bool
    private let unsettledLimit: Int
    private let lives: Mutex<[Life]>
    private let owesCatchUp = Mutex(false)

    init(
        simulation: Simulation, regions count: Int, ledger: RegionLedger, bounds: RegionBounds = RegionBounds(),
        acceptsCorruption: Bool = false
    ) throws {
        self.ledger = ledger
        self.acceptsCorruption = acceptsCorruption
        self.simulation = simulation
        regions = (1...count).map { RegionNumber(UInt16($0)) }
        configurations = try (1...count).map { number in
            var configuration = try NodeConfiguration(
                yaml: Self.yaml(region: number, of: count, bounds), file: "\(Self.name(number)).yaml")
            if bounds.trims {
                configuration.log.retention = RegionBounds.retention
                configuration.mirror.bootstrapBytesPerSecond = RegionBounds.bootstrapBytesPerSecond
            }
            return configuration
        }
        trims = bounds.trims
        unsettledLimit = bounds.unsettledLimit
        keyring = try TokenKeyring([TokenKey(id: 1, secret: Self.secret)], signingID: 1)
        lives = Mutex(Array(repeating: Life(), count: count))
    }

    private static func name(_ number: Int) -> String { "sim-\(number)" }

    private static func yaml(region: Int, of count: Int, _ bounds: RegionBounds) -> String {
        let peers = (1...count).filter { $0 != region }.map {
            "{region: \(name($0)), number: \($0), endpoints: [\"\(name($0)):7412\"]}"
        }
        // One that is alone serves no other.
        let mesh = count > 1 ? "mesh: \"\(name(region)):7412\", " : ""
        return """
            deployment: {id: \(deploymentID), partitions: \(bounds.partitions)}
            region: {name: \(name(region)), number: \(region)}
            node: {name: n1}
            peers: [\(peers.joined(separator: ", "))]
            listen: {api: "\(name(region)):7411", \(mesh)admin: "127.0.0.1:\(7413 + region)"}
            tls: {ca: sim-ca, certificate: "sim:meridian://\(deploymentID)/\(name(region))/n1", key: sim-key}
            access: [{identities: ["meridian://\(deploymentID)/client/*"], roles: \(roles), groups: ["*"], topics: ["*"]}]
            log: {directory: \(directory), segment_bytes: 9437184}
            mirror: {heartbeat_interval_ms: \(bounds.heartbeatMilliseconds), stall_timeout_ms: \(bounds.stallMilliseconds)}
            events: {id_max_age_seconds: \(bounds.maxAgeSeconds), id_max_future_ms: \(bounds.maxFutureMilliseconds)}
            clock: {max_drift_ms: \(bounds.maxDriftMilliseconds), time_mark_interval_ms: \(bounds.timeMarkMilliseconds)}
            keys: {tokens: [{id: 1, file: \(keyPath)}]}
            limits: {snapshot_interval_seconds: \(bounds.snapshotSeconds), drain_timeout_ms: 2000}

            """
    }

    // MARK: Machines

    func machine(_ index: Int) -> SimulatedMachine { simulation.machine(machineName(index)) }

    func machineName(_ index: Int) -> String { Self.name(index + 1) }

    var bounds: TimeBounds { configurations[0].timeBounds }

    var partitions: PartitionCount { configurations[0].deployment.partitions }

    /// Starts of the region so far.
    func life(of index: Int) -> Int { lives.withLock { $0[index].number } }

    func diskFaults(of index: Int) -> Int { lives.withLock { $0[index].diskFaults } }

    /// The region's disk is not the one that it had.
    func noteDiskFault(of index: Int) {
        lives.withLock { $0[index].diskFaults += 1 }
        owesCatchUp.withLock { $0 = true }
    }

    /// All regions have what they had before the last disk was lost.
    func noteCatchUp() { owesCatchUp.withLock { $0 = false } }

    var hasCaughtUp: Bool { owesCatchUp.withLock { !$0 } }

    /// Switches the machine on where it is off, and starts the node.
    func start(_ index: Int) {
        let machine = machine(index)
        if !machine.isUp { machine.restart() }
        installKey(machine)
        let log = RegionLog(name: machineName(index), scheduler: simulation.scheduler, ledger: ledger)
        let run = NodeRun(
            machine: machine, configuration: configurations[index], acceptsCorruption: acceptsCorruption,
            unsettledLimit: unsettledLimit, logger: Logger(label: "simulated") { _ in log })
        lives.withLock { lives in
            lives[index].number += 1
            lives[index].run = run
        }
        run.start()
    }

    /// A second process of the region on a machine of its own, whose disk is what the region's disk holds now.
    /// `isAlone`: nobody hears it.
    func startTwin(of index: Int, asCopy: Bool, isAlone: Bool = false) -> SimulatedMachine {
        let name = "twin-\(index + 1)"
        let twin = simulation.machine(name)
        twin.kill()
        if isAlone { for other in regions.indices { simulation.network.cut(name, machineName(other)) } }
        twin.disk.install(machine(index).disk.image(), asCopy: asCopy)
        twin.restart()
        installKey(twin)
        var configuration = configurations[index]
        configuration.listen.api.host = name
        configuration.listen.mesh?.host = name
        configuration.listen.admin.port += 100
        let log = RegionLog(name: name, scheduler: simulation.scheduler, ledger: ledger)
        NodeRun(
            machine: twin, configuration: configuration, acceptsCorruption: false,
            logger: Logger(label: "twin") { _ in log }
        ).start()
        return twin
    }

    /// Drains the region's node; throws when it ends with an error.
    func stop(_ index: Int) async throws {
        try await lives.withLock({ $0[index].run })?.stop()
    }

    /// How often the region's node of now was started again above a later start.
    func outruns(of index: Int) -> Int { lives.withLock { $0[index].run?.outruns } ?? 0 }

    /// What the node's task ended with; nil while it runs.
    func outcome(_ index: Int) -> String? { machine(index).currentTask?.outcome.map { "\($0)" } }

    /// The run is over: what dead nodes still hold of the machines keeps no disk in memory.
    func releaseDisks() { for index in regions.indices { machine(index).disk.wipe() } }

    /// Keys come with the machine's configuration: a new disk has them too.
    private func installKey(_ machine: SimulatedMachine) {
        guard !machine.disk.exists(Self.keyPath) else { return }
        do {
            try machine.disk.createDirectory("keys")
            let file = try machine.disk.open(Self.keyPath, .createOrReplace)
            try file.write(Self.secret, at: 0)
            try file.synchronizeData()
            try machine.disk.syncDirectory("keys")
        } catch {
            simulation.scheduler.note("key not written: \(error)")
        }
    }

    // MARK: Clients

    /// A client of one region, with an operator's certificate, on the phones' machine.
    func client(of index: Int) throws -> MeridianClient {
        try MeridianClient(region: endpoints(of: index), environment: simulation.machine(Self.phones).environment)
    }

    /// A client of all regions, the first of them home.
    func roamingClient() throws -> MeridianClient {
        try MeridianClient(
            regions: regions.indices.map { try endpoints(of: $0) },
            environment: simulation.machine(Self.phones).environment)
    }

    func endpoints(of index: Int) throws -> RegionEndpoints {
        let identity = SimulatedHandshake.identity(uri: "meridian://\(Self.deploymentID)/client/operator-phones")
        guard let region = RegionEndpoints([configurations[index].listen.api], security: .mutualTLS(identity)) else {
            throw LinkError(.badAddress, "region \(index) has no endpoint")
        }
        return region
    }

    var phonesClock: any NodeClock { simulation.machine(Self.phones).environment.clock }
}
