// `meridian-bench restarts`: what a region costs after so many of its starts, under traffic (S1b).

import ArgumentParser
import ClusterModel
import OperatorCommands

struct RestartsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "restarts", abstract: "One region restarted again and again while users write.",
        discussion: """
            Starts a meridiand a region with mutual TLS and restarts the last of them, in turn by kill -9 and by SIGTERM, while \
            users of all regions write. After 10, 100 and so on, and in the end: the times of the starts since, the logs that a \
            node knows, what a start and a pull send over the mesh, memory, descriptors and disk. What must not grow with the \
            number of starts are the counts; times depend on the machine. In the end every acknowledged event must count \
            once in every region, and all digests be equal. Where it does not hold, the exit code is 1.
            """)

    @Option(help: "Restarts in all.") var restarts = 500
    @Option(help: "Regions.") var regions = 2
    @Option(help: "Partitions of the deployment, a power of two.") var partitions = 64
    @Option(help: "Events a second of the users of each region.") var rate = 150
    @Option(help: "Milliseconds from a start's first acknowledged event to the next stop.") var rest = 1_200
    @Flag(help: "Leave the regions' directories, and say where they are.") var keep = false
    @Flag(help: "Print one JSON object.") var json = false

    mutating func validate() throws {
        guard (1...100_000).contains(restarts), (2...RegionFleet.maxRegions).contains(regions),
            PartitionCount(partitions) != nil, (1...100_000).contains(rate), (0...600_000).contains(rest)
        else {
            throw ValidationError(
                "restarts 1-100000, regions 2-8, partitions a power of two up to 4096, rate 1-100000, rest 0-600000")
        }
    }

    mutating func run() async throws {
        let command = self
        let scratch = try ScratchDirectory("meridian-restarts")
        defer { if !command.keep { scratch.remove() } }
        if keep { Console.progress("directories: \(scratch.path)") }
        let plan = RestartsBench.Plan(
            restarts: restarts, regions: regions, partitions: partitions, rate: rate, rest: .milliseconds(rest))
        let (report, wrong) = try await HostRuntime.run { environment in
            let fleet = try BenchFleet(
                regions: command.regions, partitions: command.partitions, extra: RestartsBench.settings,
                scratch: scratch, environment: environment)
            return try await BenchFleet.with(fleet) { fleet in try await RestartsBench(plan, fleet).measure() }
        }
        let machine = MachineFacts.read()
        Console.answer(json ? report.json(machine) : report.table(machine))
        guard wrong.isEmpty else {
            throw OperatorFailure(
                .doesNotHold, wrong.joined(separator: "\n"),
                nextStep: "run it again with --keep and read the nodes' logs")
        }
    }
}
