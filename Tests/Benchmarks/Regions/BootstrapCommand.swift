// `meridian-bench bootstrap`: a region that lost its disk comes back from another one's snapshots, under traffic (S5).

import ArgumentParser
import ClusterModel
import OperatorCommands

struct BootstrapCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "bootstrap", abstract: "A region that lost its directory comes back while users write and read.",
        discussion: """
            Starts two regions with mutual TLS, gives them users of one event each, and waits until the first has trimmed the \
            logs' beginnings, so that only its snapshots lead over them. Then the second region's directory is deleted, three \
            times: once it comes back undisturbed, once it is killed half-way, once the first one is. Users write to and read \
            from the first region all the while, and write to the second as soon as it serves. After each: bytes, seconds, \
            failed calls, what was fetched twice; digests must be equal, and every acknowledged event must count once in both \
            regions. Where it does not hold, the exit code is 1.
            """)

    @Option(help: "Users.") var users = 1_000_000
    @Option(help: "Partitions of the deployment, a power of two.") var partitions = 64
    @Option(help: "Calls a second of each kind while it goes on.") var rate = 200
    @Option(help: "Seconds for which the first region's calls are measured before.") var seconds = 20
    @Option(help: "Kibibytes a second of a bootstrap.") var kibibytes = 8_192
    @Flag(help: "Leave the regions' directories, and say where they are.") var keep = false
    @Flag(help: "Print one JSON object.") var json = false

    mutating func validate() throws {
        guard (1_000...10_000_000).contains(users), PartitionCount(partitions) != nil, (1...100_000).contains(rate),
            (1...3_600).contains(seconds), (16...1 << 30).contains(kibibytes)
        else {
            throw ValidationError(
                "users 1000-10000000, partitions a power of two up to 4096, rate 1-100000, seconds 1-3600, kibibytes from 16"
            )
        }
    }

    mutating func run() async throws {
        let command = self
        let scratch = try ScratchDirectory("meridian-bootstrap")
        defer { if !command.keep { scratch.remove() } }
        if keep { Console.progress("directories: \(scratch.path)") }
        let plan = BootstrapBench.Plan(
            users: users, partitions: partitions, rate: rate, before: .seconds(seconds), kibibytes: kibibytes)
        let (report, wrong) = try await HostRuntime.run { environment in
            let fleet = try BenchFleet(
                regions: 2, partitions: command.partitions, extra: plan.settings, scratch: scratch,
                environment: environment)
            return try await BenchFleet.with(fleet) { fleet in try await BootstrapBench(plan, fleet).measure() }
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
