// `simulate`: whole nodes, alone or as regions, under simulated users, disks, networks, clocks and deaths, replayed
// from seeds (INTERFACES, "Commands").

import ArgumentParser
import Glibc
import MeridianSimulation
import OperatorCommands

struct Simulate: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "simulate",
        abstract: "Runs whole nodes in deterministic simulation and checks what was acknowledged against their disks.",
        discussion: """
            The same seed gives the same run in every process. Exit codes: 0 every rule held, 1 a rule did not hold, \
            2 usage.
            """)

    @Option(help: "The first seed.") var seed: UInt64 = 1
    @Option(help: "How many seeds, counted up from the first.") var seeds: Int = 1
    @Option(help: "Calls of each simulated user; with several regions at most.") var steps: Int?
    @Option(help: "Deaths of the machine a seed; with several regions strikes of any kind.") var deaths: Int?
    @Option(help: "Regions: 1 to 3.") var regions: Int = 1
    @Option(help: "With several regions, the only kinds of faults, separated by commas; the seed chooses otherwise.")
    var faults: String?
    @Flag(help: "With several regions: segments go after some seconds, and a lost disk comes back by bootstrap.")
    var trim = false
    @Option(help: "Instead: so many restarts of --regions regions under traffic, with figures on the way.")
    var restarts: Int?
    @Option(help: "With --restarts: partitions, a power of two.") var partitions: Int = 64
    @Flag(help: "Go on, past --seeds, until a seed fails.") var untilFailure = false
    @Flag(help: "Print the trace of every seed to standard error.") var trace = false
    @Flag(help: "The disk only says that it synced: the run must fail (the canary of the checks).") var lyingDisk =
        false
    @Flag(help: "Print one JSON object.") var json = false
    @Flag(help: "Print resident memory after every tenth seed to standard error.") var memory = false

    func validate() throws {
        guard (1...1_000_000).contains(seeds), (1...1_000_000).contains(steps ?? 1), (0...1_000).contains(deaths ?? 0)
        else { throw ValidationError("--seeds and --steps lie in 1...1000000, --deaths in 0...1000") }
        guard (1...3).contains(regions) else { throw ValidationError("--regions lies in 1...3") }
        guard (1...1_000_000).contains(restarts ?? 1), (1...4_096).contains(partitions),
            partitions.nonzeroBitCount == 1
        else { throw ValidationError("--restarts lies in 1...1000000, --partitions is a power of two up to 4096") }
        _ = try faultKinds()
    }

    private func faultKinds() throws -> [RegionFault]? {
        try faults?.split(separator: ",").map { name in
            guard let fault = RegionFault(rawValue: String(name)) else {
                let known = RegionFault.allCases.map(\.rawValue).joined(separator: ", ")
                throw ValidationError("--faults: \(name) is none of \(known)")
            }
            return fault
        }
    }

    func run() throws {
        DeterministicHashing.ensure()
        SimulatorMemory.keepFlat()
        if let restarts { return try live(restarts) }
        let kinds = try faultKinds()
        var sweep = SweepReport()
        let clock = ContinuousClock()
        let begun = clock.now
        var next = seed
        while sweep.seeds < seeds || (untilFailure && sweep.failed.isEmpty) {
            let report = runSeed(next, kinds)
            sweep.add(report)
            for line in report.trace { Console.progress("seed \(next) \(line)") }
            for violation in report.violations { Console.progress("\(violation)") }
            SimulatorMemory.giveBack()
            if memory, sweep.seeds % 10 == 0 {
                Console.progress("\(sweep.seeds) seeds: \(SimulatorMemory.residentBytes >> 20) MiB resident")
            }
            if untilFailure, !sweep.failed.isEmpty { break }
            next &+= 1
        }
        let elapsed = begun.duration(to: clock.now)
        Console.answer(json ? sweep.json(elapsed: elapsed).text : sweep.text(elapsed: elapsed))
        if !sweep.failed.isEmpty { throw ExitCode(1) }
    }

    private func live(_ restarts: Int) throws {
        let table = try RestartTable(seed: seed, regions: regions, partitions: partitions, restarts: restarts)
        Console.answer(json ? table.json.text : table.text)
        if !table.wrong.isEmpty { throw ExitCode(1) }
    }

    private func runSeed(_ seed: UInt64, _ kinds: [RegionFault]?) -> ScenarioReport {
        guard regions > 1 else {
            var size = ScenarioSize()
            size.steps = steps ?? size.steps
            size.deaths = deaths ?? size.deaths
            size.diskLies = lyingDisk
            return NodeScenario(seed: seed, size: size).run(keepsTrace: trace)
        }
        var size = RegionScenarioSize()
        size.regions = regions
        size.steps = steps ?? size.steps
        size.strikes = deaths ?? size.strikes
        size.diskLies = lyingDisk
        size.faults = kinds
        if trim { size.bounds = .trimming }
        return RegionScenario(seed: seed, size: size).run(keepsTrace: trace)
    }
}

/// Usage errors end with 2, as for every command of ours.
@main
enum Launch {
    static func main() {
        do {
            var command = try Simulate.parseAsRoot()
            try command.run()
        } catch {
            guard Simulate.exitCode(for: error) == .validationFailure else { Simulate.exit(withError: error) }
            Console.progress(Simulate.fullMessage(for: error))
            Glibc.exit(2)
        }
    }
}
