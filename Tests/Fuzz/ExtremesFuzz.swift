// `meridian-fuzz extremes --runs N`: extremes in every number of every message, file and request.

import ArgumentParser
import ClusterModel
import ExtremesFuzzing
import Foundation
import HostEnvironment
import NodeEnvironment
import OperatorCommands

/// Runs each target in a process of its own, so that a trap or a hang is a finding and not the end; several at once.
struct ExtremesFuzz: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "extremes", abstract: "Put 0, 1, the ends of every width and the bounds into every number.",
        discussion: """
            What is found is printed with the words that run it again. The canary traps on purpose and must be found in \
            every run.
            """)

    @Option(help: "Inputs over all targets.") var runs: UInt64 = 1_000_000
    @Option(help: "Where the drawn ones begin.") var seed: UInt64 = 1
    @Option(help: "One target only.") var target: String?
    @Option(help: "The number of the first input.") var first: UInt64 = 0
    @Option(help: "Processes at once.") var processes = 2
    @Option(help: "Where this process says how far it is: for the processes that this command starts itself.")
    var progress: String?
    @Flag(help: "Run in this process; a trap ends it.") var here = false

    func run() async throws {
        if here {
            guard let target, let found = try ExtremesTargets.named(target) else {
                throw ValidationError("--here takes one --target")
            }
            return try runHere(found)
        }
        let all = try ExtremesTargets.all()
        let chosen = try target.map { name in try ExtremesTargets.named(name).map { [$0] } ?? [] } ?? all
        guard !chosen.isEmpty else { throw ValidationError("there is no target \(target ?? "")") }
        let shares = chosen.reduce(0) { $0 + $1.grammar.share }
        var stretches = chosen.map { one in
            ExtremesStretch(
                target: one.name, first: first, count: max(1, runs * UInt64(one.grammar.share) / UInt64(shares)),
                seed: seed)
        }
        stretches.append(ExtremesStretch(target: TrappingTarget().name, first: 0, count: 2_000, seed: seed))
        let ends = try await ExtremesProcesses(atOnce: max(1, processes)).run(stretches)
        if !report(ends) { throw ExitCode(1) }
    }

    /// Whether nothing was found but the canary.
    private func report(_ ends: [ExtremesEnd]) -> Bool {
        var isGood = true
        var inputs: UInt64 = 0
        for end in ends {
            Console.answer(end.description)
            let isCanary = end.stretch.target == TrappingTarget().name
            if isCanary == (end.finding == nil) { isGood = false }
            if !isCanary { inputs += end.outcome.inputs }
        }
        Console.answer("\(inputs) inputs, seed \(seed): \(isGood ? "no finding, and the canary was found" : "BROKEN")")
        return isGood
    }

    private func runHere(_ found: any ExtremesTarget) throws {
        let watch = try SharedProgress(path: progress)
        let outcome = ExtremesRun.run(found, first..<first + runs, seed: seed, watch)
        Console.answer("\(outcome.inputs) \(outcome.taken)")
    }
}
