// A life of many restarts under traffic: what a start, a table and a handshake cost must not depend on how many there were
// (S1b).

import ClusterModel
import MeridianClient
import MeridianProtocol
import NodeEnvironment
import RegionMirror
import SimulatedEnvironment
import Synchronization

/// What it had come to after so many restarts. A value.
package struct RestartFigures: Hashable, Sendable {
    package var restarts = 0
    /// Logs that a node holds, the most of any region. One per partition and region, and the catalogue's, is the least.
    package var logs = 0
    /// Bytes of the largest pull and of the largest answer to one, since the figures before.
    package var pullBytes = 0
    package var replyBytes = 0
    /// Simulated, from the start to the first acknowledged event: the longest since the figures before.
    package var startMilliseconds: UInt64 = 0
    /// Of the region with most of them.
    package var diskBytes = 0
    package var diskFiles = 0
    package var lineageBytes = 0
    /// Steps of the scheduler for each restart since the figures before: what all nodes did.
    package var stepsPerRestart: UInt64 = 0
}

/// One deployment, restarted one region after the other, half of the times by kill -9. One thread at a time.
package final class RestartLife: Sendable {
    private struct State {
        var restarts = 0
        var acknowledged = 0
        /// Events that nobody answered: they may stand.
        var unknown = 0
        var figures = RestartFigures()
    }

    private let simulation: Simulation
    private let deployment: RegionDeployment
    private let ledger: RegionLedger
    private let clients: [MeridianClient]
    private let state = Mutex(State())

    private static let content = "content"
    /// Between a region's first acknowledged event and the next restart: two snapshots and a moment.
    private static let rest: Duration = .milliseconds(2_500)
    private static let patience: Duration = .seconds(60)

    package init(seed: UInt64, regions: Int = 3, partitions: Int = 64) throws {
        simulation = Simulation(seed: seed)
        ledger = RegionLedger(seed: seed)
        var bounds = RegionBounds.trimming
        bounds.partitions = partitions
        let deployment = try RegionDeployment(
            simulation: simulation, regions: regions, ledger: ledger, bounds: bounds)
        self.deployment = deployment
        clients = try deployment.regions.indices.map { try deployment.client(of: $0) }
    }

    /// Starts all regions. Throws where one does not take an event within a minute.
    package func begin() throws {
        try simulation.drive(limit: .seconds(600)) { [self] in
            for region in deployment.regions.indices { deployment.start(region) }
            for region in deployment.regions.indices { try await acknowledge(through: region) }
        }
    }

    /// So many restarts more; what it has come to then.
    package func restart(_ count: Int) throws -> RestartFigures {
        let before = simulation.scheduler.steps
        _ = simulation.network.takeLargest()
        for _ in 0..<count {
            try simulation.drive(limit: .seconds(600)) { [self] in try await restartOnce() }
        }
        try simulation.drive(limit: .seconds(600)) { [self] in try await measure() }
        return state.withLock { state in
            state.figures.restarts = state.restarts
            state.figures.stepsPerRestart = (simulation.scheduler.steps - before) / UInt64(max(1, count))
            defer { state.figures = RestartFigures() }
            return state.figures
        }
    }

    /// Every acknowledged event stands in every region, once. What is wrong, for people; empty where nothing is.
    package func verify() throws -> [String] {
        try simulation.drive(limit: .seconds(600)) { [self] in
            let (least, unknown) = state.withLock { (UInt64($0.acknowledged), UInt64($0.unknown)) }
            var (wrong, counts): ([String], Set<UInt64>) = ([], [])
            let clock = deployment.phonesClock
            let deadline = clock.bootTime().advanced(by: Self.patience)
            repeat {
                try await clock.sleep(for: .seconds(1))
                counts = []
                for client in clients { counts.insert(try await clicks(client)) }
            } while counts.count > 1 && clock.bootTime() < deadline
            if counts.count > 1 { wrong.append("regions count differently: \(counts.sorted())") }
            if let count = counts.min(), count < least || count > least + unknown {
                wrong.append("\(count) events count of \(least) acknowledged and \(unknown) unknown")
            }
            return wrong + ledger.violations.map { "\($0)" }
        }
    }

    private func clicks(_ client: MeridianClient) async throws -> UInt64 {
        var request = Meridian_V1_ContentStatsRequest()
        request.contentIds = [Self.content]
        return try await client.call(.contentStats, request).items.first?.clicks ?? 0
    }

    private func restartOnce() async throws {
        let (clock, count) = (deployment.phonesClock, state.withLock { $0.restarts })
        let region = count % deployment.regions.count
        if count / deployment.regions.count % 2 == 0 {
            deployment.machine(region).kill()
        } else {
            try await deployment.stop(region)
        }
        let started = clock.bootTime()
        deployment.start(region)
        try await acknowledge(through: region)
        let took = clock.bootTime().since(started).wholeMilliseconds
        state.withLock { state in
            state.restarts += 1
            state.figures.startMilliseconds = max(state.figures.startMilliseconds, took)
        }
        try await clock.sleep(for: Self.rest)
    }

    /// Sends events until one is acknowledged. Of one whose answer is lost nobody knows whether it stands.
    private func acknowledge(through region: Int) async throws {
        let (client, clock) = (clients[region], deployment.phonesClock)
        let deadline = clock.bootTime().advanced(by: Self.patience)
        while true {
            var event = Meridian_V1_Interaction()
            event.kind = .click
            event.contentID = Self.content
            event.id = client.makeEventID()
            do throws(MeridianClientError) {
                let user = "user-\(state.withLock { $0.acknowledged })"
                let reply = try await client.report([event], of: user, options: CallOptions(timeout: .seconds(1)))
                if reply.results.first?.outcome == .applied { break }
            } catch {
                state.withLock { $0.unknown += 1 }
            }
            guard clock.bootTime() < deadline else {
                throw ScenarioFailure("region \(region + 1) has taken no event for a minute")
            }
            try await clock.sleep(for: .milliseconds(20))
        }
        state.withLock { $0.acknowledged += 1 }
    }

    private func measure() async throws {
        for (index, client) in clients.enumerated() {
            let logs = try await client.logStats(options: CallOptions(timeout: .seconds(10))).logs.count
            let files = deployment.machine(index).disk.lengths.filter {
                $0.key.hasPrefix(RegionDeployment.directory + "/")
            }
            let lineage = files.filter { $0.key.contains("/lineage-") }.values.max() ?? 0
            state.withLock { state in
                state.figures.logs = max(state.figures.logs, logs)
                state.figures.diskBytes = max(state.figures.diskBytes, files.values.reduce(0, +))
                state.figures.diskFiles = max(state.figures.diskFiles, files.count)
                state.figures.lineageBytes = max(state.figures.lineageBytes, lineage)
            }
        }
        let largest = simulation.network.takeLargest()
        let pull = largest[PullRequest.path] ?? .init()
        state.withLock { state in
            (state.figures.pullBytes, state.figures.replyBytes) = (pull.request, pull.reply)
        }
    }
}

/// Why a scenario cannot go on: for people.
struct ScenarioFailure: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) { self.description = description }
}
