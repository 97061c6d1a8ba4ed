// Whole regions under users and faults; afterwards everything heals, and the regions' digests, disks and answers are
// held against each other and against a reference (S1-S12).

import ClusterModel
import MeridianClient
import MeridianProtocol
import NodeEnvironment
import SimulatedEnvironment
import Synchronization

/// How much a run does.
package struct RegionScenarioSize: Hashable, Sendable {
    /// 2 or 3.
    package var regions = 2
    package var users = 5
    /// Calls of each user at most.
    package var steps = 400
    package var strikes = 8
    /// Nil draws a subset from the seed.
    package var faults: [RegionFault]?
    package var bounds = RegionBounds()
    /// Every disk says that it synced and did not: the run must find acknowledged events missing (the canary).
    package var diskLies = false

    package init() {}
}

/// Runs one seed. Deterministic: the same seed gives the same report, trace hash included.
package struct RegionScenario {
    private let seed: UInt64
    private let size: RegionScenarioSize
    private let simulation: Simulation
    private let ledger: RegionLedger

    private static let convergenceLimit = Duration.seconds(60)
    private static let maxPublications = 20

    package init(seed: UInt64, size: RegionScenarioSize = RegionScenarioSize()) {
        self.seed = seed
        self.size = size
        simulation = Simulation(seed: seed)
        ledger = RegionLedger(seed: seed)
    }

    /// Never throws: what goes wrong is a violation. `keepsTrace` fills the report's trace.
    package func run(keepsTrace: Bool = false) -> ScenarioReport {
        if keepsTrace { simulation.scheduler.keepTrace() }
        do {
            try play()
        } catch {
            ledger.violated("run", "\(error)")
        }
        var report = ScenarioReport(seed: seed)
        report.violations = ledger.violations
        let counts = simulation.network.counts
        ledger.saw(.connectionLost, times: counts.lost)
        ledger.saw(.requestDuplicated, times: counts.duplicated)
        ledger.saw(.messageDelayed, times: counts.delayed)
        report.rarePaths = ledger.rarePaths
        report.acknowledged = ledger.entries.count { $0.strength != nil }
        report.simulated = simulation.simulated
        report.steps = simulation.scheduler.steps
        report.traceHash = simulation.traceHash
        report.trace = simulation.scheduler.trace
        return report
    }

    private func play() throws {
        var seeds = SeededGenerator(seed: seed ^ 0x2e91_0a77)
        let deployment = try RegionDeployment(
            simulation: simulation, regions: size.regions, ledger: ledger, bounds: size.bounds,
            acceptsCorruption: size.diskLies)
        setNetwork(deployment, using: &seeds)
        setDisks(deployment)
        let judge = DiskJudge(deployment: deployment, ledger: ledger)
        let kinds = size.faults ?? Self.subset(of: RegionFault.allCases, using: &seeds)
        simulation.scheduler.note("faults \(kinds.map(\.rawValue))")
        let (size, ledger, seed) = (size, ledger, seeds.next())
        let scheduler = simulation.scheduler
        let served = try simulation.drive(limit: .seconds(1_200)) { () async throws -> [PartitionID: Digest128] in
            for region in deployment.regions.indices { deployment.start(region) }
            let clients = try deployment.regions.indices.map { try deployment.client(of: $0) }
            let roaming = try deployment.roamingClient()
            let watch = DigestWatch(deployment: deployment, clients: clients, ledger: ledger)
            var plan = RegionFaultPlan(
                deployment: deployment, watch: watch, judge: judge, ledger: ledger, kinds: kinds, seed: seed)
            let isOver = OverFlag()
            async let archived: Void = judge.watch { isOver.isSet }
            try await Self.liveThrough(deployment, clients, roaming, watch, &plan, ledger, size, seed)
            scheduler.note("quiet")
            let served = await Self.settle(deployment, watch, ledger)
            isOver.set()
            await archived
            await SessionProbe(deployment: deployment, clients: clients, ledger: ledger, judge: judge).run()
            for client in clients + [roaming] { await client.close() }
            scheduler.note("stop")
            for region in deployment.regions.indices {
                do { try await deployment.stop(region) } catch {
                    ledger.violated("run", "region \(region + 1) stopped with \(error)")
                }
            }
            return served
        }
        try RegionAudit(deployment: deployment, ledger: ledger, judge: judge).run(served: served)
        deployment.releaseDisks()
    }

    /// Losses, doubles and delays of the seed's choice; regions lie some way apart.
    private func setNetwork(_ deployment: RegionDeployment, using seeds: inout SeededGenerator) {
        var faults = NetworkFaults()
        faults.lostCallsPerThousand = [0, 5, 20][Int(seeds.next() % 3)]
        faults.duplicatedCallsPerThousand = [0, 20, 100][Int(seeds.next() % 3)]
        faults.delayedMessagesPerThousand = [0, 10, 50][Int(seeds.next() % 3)]
        faults.maxExtraDelay = .milliseconds(800)
        simulation.network.setFaults(faults)
        for one in deployment.regions.indices {
            for other in deployment.regions.indices where one < other {
                let least = Duration.milliseconds(Int64(1 + seeds.next() % 20))
                simulation.network.setDelay(
                    between: deployment.machineName(one), and: deployment.machineName(other),
                    least...(least + .milliseconds(5)))
            }
        }
    }

    private func setDisks(_ deployment: RegionDeployment) {
        guard size.diskLies else { return }
        var faults = DiskFaults()
        faults.ignoresSync = true
        for region in deployment.regions.indices { deployment.machine(region).disk.setFaults(faults) }
    }

    private static func subset(
        of kinds: [RegionFault], using seeds: inout SeededGenerator
    ) -> [RegionFault] {
        let chosen = kinds.filter { _ in seeds.next() % 2 == 0 }
        return chosen.isEmpty ? kinds : chosen
    }

    /// Users, the watch and the faults side by side; returns when the faults are over and healed.
    private static func liveThrough(
        _ deployment: RegionDeployment, _ clients: [MeridianClient], _ roaming: MeridianClient,
        _ watch: DigestWatch, _ plan: inout RegionFaultPlan, _ ledger: RegionLedger, _ size: RegionScenarioSize,
        _ seed: UInt64
    ) async throws {
        var seeds = SeededGenerator(seed: seed ^ 0x77)
        let isOver = OverFlag()
        let userSeeds = (0..<size.users).map { _ in seeds.next() }
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { await Self.publish(clients, ledger) }
            group.addTask { await watch.run { isOver.isSet } }
            for (number, userSeed) in userSeeds.enumerated() {
                group.addTask {
                    var user = RegionUser(
                        number: number, deployment: deployment, clients: clients, roaming: roaming, ledger: ledger,
                        seed: userSeed)
                    await user.run(steps: size.steps) { isOver.isSet }
                }
            }
            for _ in 0..<size.strikes { try await plan.strike() }
            isOver.set()
            try await group.waitForAll()
        }
        try await plan.healAll()
    }

    /// Waits until the regions agree. What they then show.
    static func settle(
        _ deployment: RegionDeployment, _ watch: DigestWatch, _ ledger: RegionLedger
    ) async -> [PartitionID: Digest128] {
        let (isEqual, last) = await watch.converge(within: convergenceLimit)
        for (region, digests) in last.enumerated() {
            let outcome = deployment.outcome(region).map { "ended: \($0)" } ?? "running"
            guard let digests else {
                ledger.violated("S10", "region \(region + 1) gives no digest; \(outcome)")
                continue
            }
            if !isEqual {
                let lines = digests.partitions.sorted { $0.key < $1.key }.map {
                    "\($0.key.rawValue): \($0.value.digest.prefix(8)) at \($0.value.vector.short)"
                }
                ledger.violated("S10", "region \(region + 1) does not converge; \(outcome); \(lines)")
            }
        }
        guard let digests = last.compactMap({ $0 }).first else { return [:] }
        let indexed = digests.partitions.values.reduce(0) { $0 + $1.indexedIDs }
        if indexed < UInt64(ledger.entries.count { $0.strength != nil }) { ledger.saw(.idsForgotten) }
        return digests.partitions.compactMapValues { Digest128($0.digest) }
    }

    /// Fills the catalogue through whichever region takes it.
    private static func publish(_ clients: [MeridianClient], _ ledger: RegionLedger) async {
        let items = SimulatedContent.items(RegionUser.contents)
        for attempt in 0..<maxPublications {
            do throws(MeridianClientError) {
                _ = try await clients[attempt % clients.count].publish(
                    items, options: CallOptions(timeout: .seconds(3)))
                return
            } catch {
                ledger.saw(.outcomeUnknown)
            }
        }
        ledger.violated("run", "the catalogue could not be published")
    }
}

/// Set once, read by many.
final class OverFlag: Sendable {
    private let flag = Mutex(false)

    var isSet: Bool { flag.withLock { $0 } }

    func set() { flag.withLock { $0 = true } }
}
