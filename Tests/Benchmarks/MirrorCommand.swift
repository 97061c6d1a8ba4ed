// `meridian-bench mirror`: two regions' logs and mirrors in this process, over real sockets and disks.

import ArgumentParser
import ClusterModel
import NodeEnvironment
import OperatorCommands

struct MirrorCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "mirror", abstract: "One region follows another over loopback with mutual TLS.",
        discussion: """
            mirror-steady appends small batches at a rate and times them to the other region's disk and back to an
            acknowledgement; its CPU is the whole process, both regions, beside the same appends with no follower.
            mirror-catch-up follows a prepared journal from the disk. mirror-copy copies the same bytes file to file
            with as many syncs: the machine's own limit.
            """)

    @Option(help: "Seconds of the steady load.") var seconds = 5
    @Option(help: "Events a second of the steady load.") var rate = 10_000
    @Option(help: "Partitions of the origin.") var partitions = 64
    @Option(help: "Mebibytes of the journal that is caught up with.") var megabytes = 128
    @Flag(help: "Print one JSON object.") var json = false

    mutating func validate() throws {
        guard (1...600).contains(seconds), (1...1_000_000).contains(rate), (1...4_096).contains(partitions),
            (1...16_384).contains(megabytes)
        else { throw ValidationError("seconds 1-600, rate 1-1000000, partitions 1-4096, megabytes 1-16384") }
    }

    mutating func run() async throws {
        let command = self
        let scratch = try ScratchDirectory("meridian-bench")
        defer { scratch.remove() }
        let report = try await HostRuntime.run { environment in
            try await command.measure(environment, in: scratch)
        }
        let machine = MachineFacts.read()
        Console.answer(json ? report.json(machine) : report.table(machine))
    }

    private func measure(_ environment: NodeEnvironment, in scratch: ScratchDirectory) async throws -> BenchReport {
        let certificates = FleetCertificates(
            directory: try scratch.makeSubdirectory("certificates"), files: environment.files)
        let plan = MirrorBench.Plan(
            partitions: partitions, rate: rate, duration: .seconds(seconds), catchUpBytes: megabytes << 20)
        let bench = MirrorBench(
            plan: plan, environment: environment, scratch: scratch,
            identities: [try certificates.node("n1", of: "r1"), try certificates.node("n1", of: "r2")],
            deployment: NodeSettings.deployment)
        let steady = try await bench.steady()
        let catchUp = try await bench.catchUp()
        let copy = try await bench.copy(of: catchUp)
        return BenchReport(
            area: "mirror", results: [steady, catchUp.result, copy.result],
            ratios: [("mirror_vs_copy", catchUp.bytesPerSecond / max(1, copy.bytesPerSecond))])
    }
}
