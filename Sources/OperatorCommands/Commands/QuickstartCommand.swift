// `meridian quickstart`: the main job in one command. Deploy/quickstart builds and calls it.

package import ArgumentParser
import NodeEnvironment

/// Runs a node of its own in a temporary directory.
package struct QuickstartCommand: AsyncParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "quickstart",
        abstract: "Start a node, replay users against it, kill it, and show that nothing is lost.",
        discussion: """
            Publishes a catalogue, replays interactions through the API while it asks for those users' content, kills the \
            node with SIGKILL in the middle, starts it again, goes on, and compares at the end: every acknowledged event in \
            the log once, and equal digests of the live node, of a fold of its log from zero, and of the node after \
            another start. Exit code 1 when something does not hold.
            """)

    @Option(help: "Regions; this release runs one.") package var regions = 1
    @Option(help: "Seconds of traffic.") package var duration = 30.0
    @Option(help: "Events a second.") package var rate = 1_000.0
    @Option(help: ArgumentHelp("The input's directory; generated input without it.", valueName: "path"))
    package var data: String?
    @Option(help: "The seed of generated input, request ids and of --prove's moments.") package var seed: UInt64?
    @Option(
        name: .customLong("node-binary"),
        help: ArgumentHelp("The meridiand to run; beside this command without it.", valueName: "path"))
    package var nodeBinary: String?
    @Option(
        name: .customLong("shim-source"),
        help: ArgumentHelp("Source of the write-holding preload library, for --prove.", valueName: "path"))
    package var shimSource: String?
    @Flag(name: .customLong("no-kill"), help: "Do not kill the node.") package var leavesAlive = false
    @Flag(help: "Keep the node's directory.") package var keep = false
    @Flag(help: "Kill ten times at random moments, then with a disk that loses unsynced writes, and check each time.")
    package var prove = false
    @Flag(help: "Print one JSON object.") package var json = false

    package init() {}

    package func run() async throws {
        try await CommandRunner.run("quickstart") {
            // A copy, because the work runs beside the watch for signals.
            let command = self
            try await Interruption.cancelling {
                try await HostRuntime.run { environment in try await command.run(environment) }
            }
        }
    }

    private func run(_ environment: NodeEnvironment) async throws {
        let plan = try plan(environment)
        let scratch = try ScratchDirectory("meridian-quickstart")
        defer { if keep { Console.progress("kept \(scratch.path)") } else { scratch.remove() } }
        if prove {
            try await runProof(plan, scratch, environment)
        } else {
            try await runOnce(plan, scratch, environment)
        }
    }

    private func runOnce(
        _ plan: QuickstartPlan, _ scratch: ScratchDirectory, _ environment: NodeEnvironment
    ) async throws {
        let node = try NodeProcess(
            binary: plan.nodeBinary, directory: scratch.path, environment: environment)
        let outcome: QuickstartOutcome
        do {
            outcome = try await QuickstartRun(plan, node: node, environment: environment) { Console.progress($0) }.run()
        } catch {
            await node.end()
            throw error
        }
        await node.end()
        Console.answer(json ? outcome.answer.text : outcome.text)
        if !outcome.holds { throw ExitCode(ExitStatus.doesNotHold.rawValue) }
    }

    private func runProof(
        _ plan: QuickstartPlan, _ scratch: ScratchDirectory, _ environment: NodeEnvironment
    ) async throws {
        let proof = DurabilityProof(
            plan, scratch: scratch, shimSource: shimSource, environment: environment
        ) { Console.progress($0) }
        let outcome = try await proof.run()
        Console.answer(json ? outcome.answer.text : outcome.text)
        if !outcome.holds { throw ExitCode(ExitStatus.doesNotHold.rawValue) }
    }

    private func plan(_ environment: NodeEnvironment) throws(OperatorFailure) -> QuickstartPlan {
        guard regions == 1 else {
            throw OperatorFailure(
                .usage, "--regions \(regions): this release runs one region; mirroring is not in it yet",
                nextStep: "leave --regions out")
        }
        guard rate > 0, rate <= 1_000_000, duration > 0, duration <= 86_400 else {
            throw OperatorFailure(
                .usage, "--rate or --duration is out of range", nextStep: "rate to 1,000,000, duration to 86,400")
        }
        let binary: String
        if let nodeBinary { binary = nodeBinary } else { binary = try Executables.beside("meridiand") }
        guard environment.files.exists(binary) else {
            throw OperatorFailure(
                .usage, "\(binary) is missing",
                nextStep: "swift build -c release --product meridiand, or give --node-binary")
        }
        return QuickstartPlan(
            nodeBinary: binary, data: data, duration: .seconds(duration), rate: rate,
            seed: seed ?? environment.entropy.next() >> 32, kills: !leavesAlive, keeps: keep)
    }
}
