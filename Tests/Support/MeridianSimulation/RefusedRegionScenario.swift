// A first start, without a disciplined clock, in a region that the other one does not list: both sides say why, once (S1, S2).

import ClusterModel
import Logging
import MeridianNode
import NodeEnvironment
import SimulatedEnvironment
import Synchronization

/// What both nodes wrote, and how the refused one ended.
package struct RefusedRegionOutcome: Hashable, Sendable {
    /// Lines of the node that starts, at the level of notice and above.
    package var starting: [String] = []
    /// Likewise of the region that refuses it.
    package var refusing: [String] = []
    /// What the start ended with; empty where it did not end.
    package var end = ""
}

/// Runs one seed.
package struct RefusedRegionScenario {
    private let seed: UInt64

    package init(seed: UInt64) { self.seed = seed }

    package func run() throws -> RefusedRegionOutcome {
        let simulation = Simulation(seed: seed)
        let (here, there) = (simulation.machine("here"), simulation.machine("there"))
        let (starting, refusing) = (LineLog(), LineLog())
        // The other region knows a third one, and not this.
        try start(there, "there", 2, peer: ("elsewhere", 3), refusing)
        simulation.run(for: .seconds(3))
        here.clock.setSynchronised(false)
        try start(here, "here", 1, peer: ("there", 2), starting)
        simulation.run(for: .seconds(60))
        var outcome = RefusedRegionOutcome(starting: starting.lines, refusing: refusing.lines)
        if case .failure(let error)? = here.currentTask?.outcome { outcome.end = "\(error)" }
        return outcome
    }

    private func start(
        _ machine: SimulatedMachine, _ name: String, _ number: Int, peer: (name: String, number: Int), _ log: LineLog
    ) throws {
        let configuration = try NodeConfiguration(
            yaml: """
                deployment: {id: simulated, partitions: 2}
                region: {name: \(name), number: \(number)}
                node: {name: n1}
                peers: [{region: \(peer.name), number: \(peer.number), endpoints: ["\(peer.name):7412"]}]
                listen: {api: "\(name):7411", mesh: "\(name):7412", admin: "127.0.0.1:\(7_500 + number)"}
                tls: {ca: sim-ca, certificate: "sim:meridian://simulated/\(name)/n1", key: sim-key}
                log: {directory: data, segment_bytes: 9437184}

                """, file: "\(name).yaml")
        NodeRun(
            machine: machine, configuration: configuration, acceptsCorruption: false,
            logger: Logger(label: name) { _ in LineHandler(log: log) }
        ).start()
    }
}

/// Lines in their order. Thread-safe.
private final class LineLog: Sendable {
    private let kept = Mutex<[String]>([])

    var lines: [String] { kept.withLock { $0 } }

    func append(_ line: String) { kept.withLock { $0.append(line) } }
}

private struct LineHandler: LogHandler {
    let log: LineLog
    var metadata: Logger.Metadata = [:]
    var logLevel: Logger.Level = .notice

    init(log: LineLog) { self.log = log }

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        let facts = (event.metadata ?? [:]).map { "\($0.key)=\($0.value)" }.sorted().joined(separator: " ")
        log.append("\(event.message) \(facts)")
    }
}
