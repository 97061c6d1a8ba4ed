// Users over all regions of a fleet, with one file of everything that was acknowledged to them.

import ClusterModel
package import Datasets
import MeridianClient
package import NodeEnvironment

/// Runs phases of traffic, one after the other, into one acknowledgement file.
package actor FleetTraffic {
    package struct Phase<Value: Sendable>: Sendable {
        package var measurement: ReplayMeasurement
        package var elapsed: Duration
        /// What the work beside the traffic brought.
        package var value: Value
    }

    package nonisolated let service: HomedService
    package nonisolated let acknowledgementPath: String
    private let clients: [MeridianClient]
    private let file: AcknowledgementFile
    private var filed: UInt64 = 0
    private let clock: any NodeClock

    /// Creates the file; connects to nothing yet.
    package init(_ fleet: RegionFleet, directory: String, environment: NodeEnvironment) throws(OperatorFailure) {
        var clients: [MeridianClient] = []
        for home in fleet.indices { clients.append(try fleet.makeUserClient(home: home)) }
        self.clients = clients
        clock = environment.clock
        service = HomedService(
            clients.map { NodeConnection($0, timeout: QuickstartLimits.call) }, clock: environment.clock)
        acknowledgementPath = "\(directory)/acknowledged"
        file = try AcknowledgementFile(creating: acknowledgementPath, files: environment.files)
    }

    package func close() async {
        file.close()
        for client in clients { await client.close() }
    }

    /// Writes down what was acknowledged outside the phases.
    package func file(_ acknowledged: [Acknowledgement]) throws(OperatorFailure) {
        try file.append(acknowledged, after: filed)
        filed += UInt64(acknowledged.count)
    }

    /// Replays while `body` works beside it. `endsWithBody`: no visit begins after the body has ended; otherwise the plan's
    /// duration counts. Returns once every visit that began has ended.
    package func run<Value: Sendable>(
        _ plan: ReplayPlan, source: ReplaySource, later: [String: CatalogueItem] = [:], endsWithBody: Bool,
        progress: (@Sendable (String) async -> Void)? = nil,
        _ body: @escaping @Sendable (ReplayRun) async throws -> Value
    ) async throws -> Phase<Value> {
        let run = ReplayRun(
            plan, source: source, clock: clock, acknowledgements: file, filed: filed, later: later)
        let session = ReplaySession(run, service: service, clock: clock)
        let value = try await withThrowingTaskGroup(of: Value?.self) { group in
            group.addTask {
                await session.drive { line in await progress?(line) }
                return nil
            }
            group.addTask {
                let value = try await body(run)
                if endsWithBody { await run.stop() }
                return value
            }
            var value: Value?
            do {
                for try await result in group { value = result ?? value }
            } catch {
                await run.stop()
                group.cancelAll()
                throw error
            }
            return value
        }
        let (measurement, written, elapsed) = try await run.finish()
        filed = written
        guard let value else { throw OperatorFailure(.inconclusive, "the work beside the traffic was cancelled") }
        return Phase(measurement: measurement, elapsed: elapsed, value: value)
    }
}
