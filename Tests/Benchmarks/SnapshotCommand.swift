// `meridian-bench snapshot`: what a snapshot costs the shard that goes on beside it, and what restoring costs a start.

import ArgumentParser
import ClusterModel
import OperatorCommands

struct SnapshotCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "snapshot", abstract: "Snapshots of shards, taken beside their work and restored.",
        discussion: """
            fold-alone applies events to one shard's state, fold-beside-view the same while a view of it is held as for
            a snapshot: what either does to the slowest event is a pause of everything on that loop. restore reads the
            node's snapshots on one thread, and on as many as it has loops.
            """)

    @Option(help: "Users of the node.") var users = 200_000
    @Option(help: "Partitions of the node.") var partitions = 4
    @Option(help: "Events applied in each measurement.") var events = 200_000
    @Flag(help: "Print one JSON object.") var json = false

    mutating func validate() throws {
        guard (1...10_000_000).contains(users), PartitionCount(partitions) != nil, (1...10_000_000).contains(events)
        else { throw ValidationError("users 1-10000000, partitions a power of two up to 4096, events 1-10000000") }
    }

    mutating func run() async throws {
        let command = self
        let scratch = try ScratchDirectory("meridian-bench")
        defer { scratch.remove() }
        let report = try await HostRuntime.run { environment in
            let bench = SnapshotBench(
                users: command.users, partitions: command.partitions, events: command.events,
                environment: environment, scratch: scratch)
            var report = BenchReport(area: "snapshot", results: [])
            try await bench.measure(&report)
            return report
        }
        let machine = MachineFacts.read()
        Console.answer(json ? report.json(machine) : report.table(machine))
    }
}
