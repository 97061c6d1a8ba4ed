// `meridian quickstart`: the main job in one command. Deploy/quickstart builds and calls it.

package import ArgumentParser
import NodeEnvironment

/// Runs nodes of its own in a temporary directory.
package struct QuickstartCommand: AsyncParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "quickstart",
        abstract: "Start regions, replay users over them, kill one under load, and show that nothing is lost.",
        discussion: """
            Starts the regions as processes that know each other by mutual TLS only, publishes a catalogue in one, replays \
            interactions through all while it asks for those users' content, kills one region with SIGKILL in the middle, \
            goes on from the others, starts it again, and compares at the end: every acknowledged event in every region, \
            each counted once, and equal digests of the live regions, of folds of their logs from zero, and of a fold of \
            each event once. With --regions 1: one node, killed and started again. Exit code 1 when something does not hold.
            """)

    @Option(help: ArgumentHelp("Regions, 1 to \(RegionFleet.maxRegions).")) package var regions = 2
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
    @Flag(name: .customLong("no-kill"), help: "Kill nothing.") package var leavesAlive = false
    @Flag(help: "Keep the nodes' files.") package var keep = false
    @Flag(
        help: """
            Kill ten times at random moments and check each time; then, with several regions: cut off, with an old disk, \
            with no disk, and retries through all regions; with one: with a disk that loses unsynced writes.
            """)
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
        let holds =
            switch (prove, plan.regions) {
            case (false, 1): try await runOnce(plan, scratch, environment)
            case (true, 1): try await runProof(plan, scratch, environment)
            case (false, _): try await runRegions(plan, scratch, environment)
            case (true, _): try await runRegionProof(plan, scratch, environment)
            }
        if !holds { throw ExitCode(ExitStatus.doesNotHold.rawValue) }
    }

    private func runRegions(
        _ plan: QuickstartPlan, _ scratch: ScratchDirectory, _ environment: NodeEnvironment
    ) async throws -> Bool {
        let outcome = try await RegionQuickstart(plan, scratch: scratch, environment: environment) {
            Console.progress($0)
        }.run()
        Console.answer(json ? outcome.answer.text : outcome.text)
        return outcome.holds
    }

    private func runRegionProof(
        _ plan: QuickstartPlan, _ scratch: ScratchDirectory, _ environment: NodeEnvironment
    ) async throws -> Bool {
        let outcome = try await RegionProof(plan, scratch: scratch, environment: environment) {
            Console.progress($0)
        }.run()
        Console.answer(json ? outcome.answer.text : outcome.text)
        return outcome.holds
    }

    private func runOnce(
        _ plan: QuickstartPlan, _ scratch: ScratchDirectory, _ environment: NodeEnvironment
    ) async throws -> Bool {
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
        return outcome.holds
    }

    private func runProof(
        _ plan: QuickstartPlan, _ scratch: ScratchDirectory, _ environment: NodeEnvironment
    ) async throws -> Bool {
        let proof = DurabilityProof(
            plan, scratch: scratch, shimSource: shimSource, environment: environment
        ) { Console.progress($0) }
        let outcome = try await proof.run()
        Console.answer(json ? outcome.answer.text : outcome.text)
        return outcome.holds
    }

    private func plan(_ environment: NodeEnvironment) throws(OperatorFailure) -> QuickstartPlan {
        guard (1...RegionFleet.maxRegions).contains(regions) else {
            throw OperatorFailure(
                .usage, "--regions \(regions) is out of range", nextStep: "1 to \(RegionFleet.maxRegions); 2 without it"
            )
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
        var plan = QuickstartPlan(
            nodeBinary: binary, data: data, duration: .seconds(duration), rate: rate,
            seed: seed ?? environment.entropy.next() >> 32, kills: !leavesAlive, keeps: keep)
        plan.regions = regions
        return plan
    }
}
