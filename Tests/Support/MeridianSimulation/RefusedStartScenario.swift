// A node whose start fails after its log was recovered: the next start finds the directory free.

import ClusterModel
import MeridianClient
import MeridianNode
import MeridianProtocol
import NodeEnvironment
import SimulatedEnvironment

/// What came of a start whose API address was taken, and of the one after it.
package struct RefusedStartOutcome: Hashable, Sendable {
    /// What the first start said.
    package var refusal = ""
    /// Files and locks that it still held once it had ended.
    package var heldFiles = 0
    /// Whether a second start, on the same disk and once the address was free, served.
    package var servedAfterwards = false
}

/// Runs one seed. Throws `SimulationError` when a node does neither serve nor end.
package struct RefusedStartScenario {
    private let seed: UInt64

    package init(seed: UInt64) { self.seed = seed }

    package func run() throws -> RefusedStartOutcome {
        let simulation = Simulation(seed: seed)
        let configuration = try NodeScenario.configuration()
        let machine = simulation.machine("node")
        let run = NodeRun(machine: machine, configuration: configuration, acceptsCorruption: false)
        var outcome = try simulation.drive(limit: .seconds(60)) { () async throws -> RefusedStartOutcome in
            let squatter = try await simulation.machine("squatter").environment.links.servePages(
                on: configuration.listen.api, handler: NoPages())
            var outcome = RefusedStartOutcome()
            run.start()
            while machine.currentTask?.outcome == nil {
                try await simulation.machine("squatter").clock.sleep(for: .milliseconds(5))
            }
            if case .failure(let error)? = machine.currentTask?.outcome { outcome.refusal = "\(error)" }
            await squatter.shutDown(by: machine.clock.bootTime())
            return outcome
        }
        simulation.run(for: .seconds(120))
        outcome.heldFiles = machine.disk.heldFiles
        outcome.servedAfterwards = try simulation.drive(limit: .seconds(60)) {
            run.start()
            guard let region = RegionEndpoints([configuration.listen.api], security: .plaintext) else { return false }
            let client = try MeridianClient(region: region, environment: simulation.machine("phone").environment)
            let reply = try await client.digest(options: CallOptions(timeout: .seconds(30)))
            await client.close()
            try await run.stop()
            return !reply.partitions.isEmpty
        }
        return outcome
    }
}

/// Serves nothing; only its address counts.
private struct NoPages: PageHandler {
    func page(at path: String, answer: @escaping @Sendable (Page) -> Void) { answer(.notFound) }
}
