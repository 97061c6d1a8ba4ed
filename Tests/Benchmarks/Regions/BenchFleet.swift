// The regions of a benchmark: real processes whose snapshots, trimming and agreement come quickly.

import ClusterModel
import MeridianClient
import MeridianProtocol
import NodeEnvironment
import OperatorCommands

/// Region numbers count from 0. Whoever makes one ends it with `end()`.
struct BenchFleet: Sendable {
    let fleet: RegionFleet
    let environment: NodeEnvironment
    /// Users' clients that know one region only.
    let users: [MeridianClient]
    private let operators: FleetOperator
    private let watchers: [MeridianClient]

    private static let once = CallOptions(timeout: .seconds(10))
    private static let pause: Duration = .milliseconds(50)

    /// `extra` goes behind the section `log` of every configuration; starts nothing.
    init(
        regions: Int, partitions: Int, extra: String, scratch: ScratchDirectory, environment: NodeEnvironment
    ) throws {
        self.environment = environment
        fleet = try RegionFleet(
            regions: regions, binary: try Executables.beside("meridiand"), scratch: scratch, environment: environment)
        for node in fleet.nodes {
            var settings = node.settings
            settings.partitions = partitions
            settings.logExtra = extra
            let file = try environment.files.open(node.configurationPath, .createOrReplace)
            defer { file.close() }
            try file.write(Array(settings.yaml(directory: node.directory).utf8), at: 0)
        }
        users = try fleet.makePinnedClients()
        operators = try FleetOperator(fleet, environment: environment)
        watchers = try fleet.nodes.map { try $0.makeClient() }
    }

    /// Runs `body` with a fleet that is started, and leaves no process behind.
    static func with<Value>(_ fleet: BenchFleet, _ body: (BenchFleet) async throws -> Value) async throws -> Value {
        do {
            try await fleet.fleet.start()
            let value = try await body(fleet)
            await fleet.end()
            return value
        } catch {
            await fleet.end()
            throw error
        }
    }

    private func end() async {
        for client in users + watchers { await client.close() }
        await operators.close()
        await fleet.end()
    }

    func node(_ region: Int) -> NodeProcess { fleet.nodes[region] }

    func status(_ region: Int) async throws -> Meridian_V1_StatusReply {
        try await watchers[region].status(options: Self.once)
    }

    func logs(_ region: Int) async throws -> [Meridian_V1_LogStats] {
        try await watchers[region].logStats(options: Self.once).logs
    }

    func metrics(_ region: Int) throws(OperatorFailure) -> MetricsView {
        try MetricsView(fleet.nodes[region].adminEndpoint)
    }

    func directory(_ region: Int) -> DirectoryView { DirectoryView(fleet.nodes[region].journalPath) }

    /// Whether `isMet` became true in time. What it throws counts as not yet: a node may be starting.
    func wait(_ patience: Duration, until isMet: () async throws -> Bool) async throws -> Bool {
        let deadline = environment.clock.bootTime().advanced(by: patience)
        repeat {
            // As said above.
            if (try? await isMet()) == true { return true }
            try await environment.clock.sleep(for: Self.pause)
        } while environment.clock.bootTime() < deadline
        return false
    }

    /// Traffic has ended: whether all regions show equal digests at equal vectors before the time is over.
    func isConverged(within patience: Duration) async throws -> Bool {
        var watch = ConvergenceWatch()
        _ = try await wait(patience) {
            watch = try await operators.converge()
            return watch.isOver
        }
        return watch.holds
    }

    /// Each region's figures beside the ledger's, once they stand as they should or the time is over.
    func audits(_ ledger: BenchLedger, within patience: Duration) async throws -> [LedgerAudit] {
        var audits: [LedgerAudit] = []
        _ = try await wait(patience) {
            audits = []
            for client in users { audits.append(try await ledger.audit(client)) }
            return audits.allSatisfy(\.holds)
        }
        return audits
    }
}
