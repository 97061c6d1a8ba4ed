// A start that waits, for time to pass or for a peer that never answers, and is asked to stop meanwhile.

import ClusterModel
import MeridianNode
import NodeEnvironment
import SimulatedEnvironment

/// What a start waits for.
package enum StartWait: Hashable, Sendable, CaseIterable {
    /// 2D on a disk that is new (S1).
    case firstStart
    /// A peer, since nothing disciplines the clock (S2).
    case peer
}

package struct WaitingStartOutcome: Hashable, Sendable {
    /// Whether the node was still waiting when it was asked.
    package var hadWaited = false
    /// How the stop ended; empty for a good end.
    package var failure = "it has not ended"
    /// From the request to the end.
    package var took: Duration = .zero
    /// Files and locks that were still held afterwards.
    package var heldFiles = 0
}

/// Runs one seed: region 1 of two, whose peer is nowhere.
package struct WaitingStartScenario {
    private let seed: UInt64
    private let wait: StartWait
    private static let limit: Duration = .seconds(10)

    private static let yaml = """
        deployment: {id: simulated, partitions: 4}
        region: {name: sim-1, number: 1}
        node: {name: n1}
        peers: [{region: sim-2, number: 2, endpoints: ["sim-2:7412"]}]
        listen: {api: "sim-1:7411", mesh: "sim-1:7412", admin: "127.0.0.1:7413"}
        tls: {ca: sim-ca, certificate: "sim:meridian://simulated/sim-1/n1", key: sim-key}
        log: {directory: data, segment_bytes: 9437184}
        limits: {drain_timeout_ms: 2000}

        """

    package init(seed: UInt64, wait: StartWait) {
        self.seed = seed
        self.wait = wait
    }

    package func run() throws -> WaitingStartOutcome {
        let simulation = Simulation(seed: seed)
        let machine = simulation.machine("sim-1")
        if wait == .peer { machine.clock.setSynchronised(false) }
        let run = NodeRun(
            machine: machine, configuration: try NodeConfiguration(yaml: Self.yaml, file: "sim-1.yaml"),
            acceptsCorruption: false)
        let delay: Duration = wait == .peer ? .seconds(5) : .milliseconds(500)
        var outcome = try simulation.drive(limit: .seconds(60)) { () async throws -> WaitingStartOutcome in
            var outcome = WaitingStartOutcome()
            run.start()
            try await machine.clock.sleep(for: delay)
            guard let task = machine.currentTask else { return outcome }
            outcome.hadWaited = task.outcome == nil
            let asked = machine.clock.bootTime()
            task.cancel()
            while task.outcome == nil, machine.clock.bootTime().since(asked) < Self.limit {
                try await machine.clock.sleep(for: .milliseconds(1))
            }
            outcome.took = machine.clock.bootTime().since(asked)
            switch task.outcome {
            case nil: break
            case .success?: outcome.failure = run.hadServed ? "it had served" : ""
            case .failure(let error)?: outcome.failure = "\(error)"
            }
            return outcome
        }
        simulation.run(for: .seconds(120))
        outcome.heldFiles = machine.disk.heldFiles
        return outcome
    }
}
