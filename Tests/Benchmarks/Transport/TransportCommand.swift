// `meridian-bench transport`: what a unary call costs the server, beside nghttpd in the same run.

import ArgumentParser
import Foundation
import NodeEnvironment
import OperatorCommands

struct TransportCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "transport", abstract: "Unary calls over plaintext and TLS, beside nghttpd.",
        discussion: """
            200 bytes in, a kilobyte out. Servers of one worker each run in processes of their own; h2load drives ours
            and nghttpd in turns, and our own client drives ours. CPU and allocations are the server's, over the whole
            process: CPU is the median of interleaved rounds, allocations come from a second instance that runs with a
            counting library. Where h2load is missing, our own client drives and nothing stands beside.
            """)

    @Option(help: "Seconds a configuration is measured.") var seconds = 3.0
    @Option(help: "Interleaved rounds of a configuration.") var rounds = 3
    @Flag(help: "Print one JSON object.") var json = false

    mutating func run() async throws {
        let plan = TransportPlan(duration: .seconds(max(0.05, seconds)), rounds: max(1, rounds))
        let scratch = try ScratchDirectory("meridian-bench")
        defer { scratch.remove() }
        let report = try await HostRuntime.run { environment in
            let files = try EchoFiles(in: scratch)
            return try await TransportMeasurement(plan: plan, files: files, environment: environment).report()
        }
        let machine = MachineFacts.read()
        Console.answer(json ? report.json(machine) : report.table(machine))
    }
}

/// What is measured, and for how long.
struct TransportPlan: Sendable {
    var duration: Duration
    var rounds: Int

    /// Connections, and calls under way on each.
    let shapes = [(1, 1), (1, 16), (1, 64), (16, 64)]
    /// Requests a second of the paced configuration.
    let pacedRate = 4_000
    /// Calls whose latency is logged, and calls whose allocations are counted, for each second that is measured.
    let observedCallsASecond = 10_000.0

    var roundDuration: Duration { duration / rounds }

    var observedCalls: Int { Int(observedCallsASecond * (duration / .seconds(1))) }
}
