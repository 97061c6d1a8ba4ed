// A node whose disk fails a sync: it must say so, and it must stop when it is asked to (S7).

import ClusterModel
import MeridianClient
import MeridianNode
import MeridianProtocol
import NodeEnvironment
import SimulatedEnvironment

/// What a node with a failed disk did.
package struct FencedNodeOutcome: Hashable, Sendable {
    /// Events acknowledged as `local` before the failure.
    package var acknowledged = 0
    /// The reason that callers were given after it.
    package var refusal = ""
    package var hasStopped = false
}

/// Runs one seed. Throws `SimulationError` when the node does not stop.
package struct FencedNodeScenario {
    private let seed: UInt64
    private let syncsBeforeFailure: Int

    private static let maxReports = 400

    /// The disk's syncs fail from the given one on.
    package init(seed: UInt64, syncsBeforeFailure: Int) {
        self.seed = seed
        self.syncsBeforeFailure = syncsBeforeFailure
    }

    package func run() throws -> FencedNodeOutcome {
        let simulation = Simulation(seed: seed)
        let configuration = try NodeScenario.configuration()
        let machine = simulation.machine("node")
        var faults = DiskFaults()
        faults.syncsBeforeFailure = syncsBeforeFailure
        machine.disk.setFaults(faults)
        let run = NodeRun(machine: machine, configuration: configuration, acceptsCorruption: false)
        return try simulation.drive(limit: .seconds(300)) {
            run.start()
            var outcome = FencedNodeOutcome()
            guard let region = RegionEndpoints([configuration.listen.api], security: .plaintext) else { return outcome }
            let client = try MeridianClient(region: region, environment: simulation.machine("phone").environment)
            for _ in 0..<Self.maxReports where outcome.refusal.isEmpty {
                await Self.report(client, &outcome)
            }
            await client.close()
            // It may end with the error that ended its log; that it ends is what counts.
            try? await run.stop()
            outcome.hasStopped = machine.currentTask?.outcome != nil
            return outcome
        }
    }

    private static func report(_ client: MeridianClient, _ outcome: inout FencedNodeOutcome) async {
        var event = Meridian_V1_Interaction()
        event.id = client.makeEventID()
        event.kind = .click
        event.contentID = "c1"
        do throws(MeridianClientError) {
            let reply = try await client.report([event], of: "user", options: CallOptions(timeout: .seconds(20)))
            outcome.acknowledged += reply.results.count { $0.outcome == .applied }
        } catch {
            outcome.refusal = error.reason.isEmpty ? error.code.description : error.reason
        }
    }
}
