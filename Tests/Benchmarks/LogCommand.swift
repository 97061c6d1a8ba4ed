// `meridian-bench log`: the embedded log beside plain writes and syncs of the same bytes.

import ArgumentParser
import ClusterModel
import NodeEnvironment
import OperatorCommands

struct LogCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "log", abstract: "Appends over many partitions, a sync before each acknowledgement, and replay.",
        discussion: """
            append-fsync-N: N producers, each sending its next batch when the last one is acknowledged. raw-fsync-N
            writes and syncs the same number of bytes, group by group, as append-fsync-N just did, to a file whose
            blocks are reserved: the machine's limit for that pattern. Before each load the journal runs until its next
            segment is prepared, as it is in a journal that has run for a while; not with --fresh. append-N leaves the syncs out.
            open-after-kill and open-after-clean-stop open a journal of --megabytes, replay decodes every record of it as
            well; cold means that the kernel was asked to forget the files. Over loopback, from one load generator with N
            clients: loopback-fsync-N (a service over the journal), report-fsync-N (a real node), redis-always-N and
            jetstream-always-N, where these are installed. Records have 204 bytes with their headers.
            """)

    @Option(help: "Seconds of each load.") var seconds = 3
    @Option(help: "Partitions.") var partitions = 64
    @Option(help: "Records of a batch.") var records = 100
    @Option(help: "Numbers of producers, separated by commas.") var producers = "1,16,64"
    @Option(help: "Mebibytes of the journal that is replayed.") var megabytes = 256
    @Flag(help: "Measure a journal's first segment, which is only reserved.") var fresh = false
    @Flag(help: "Leave loopback, Report and peers out.") var alone = false
    @Flag(help: "Print one JSON object.") var json = false

    mutating func validate() throws {
        guard (1...600).contains(seconds), (1...4_096).contains(partitions), (1...16_384).contains(megabytes),
            (1...10_000).contains(records)
        else { throw ValidationError("seconds 1-600, partitions 1-4096, records 1-10000, megabytes 1-16384") }
        guard !counts.isEmpty, counts.allSatisfy({ (1...partitions).contains($0) }) else {
            throw ValidationError("producers: numbers from 1 to the number of partitions, such as 1,16,64")
        }
    }

    private var counts: [Int] { producers.split(separator: ",").compactMap { Int($0) } }

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
        let bench = LogBench(
            plan: LogBench.Plan(
                partitions: partitions, records: records, duration: .seconds(seconds), replayBytes: megabytes << 20,
                isFresh: fresh),
            environment: environment, scratch: scratch)
        var report = BenchReport(area: "log", results: [])
        for count in counts {
            try await bench.compare(.init(name: "append-fsync-\(count)", producers: count, records: records), &report)
        }
        let last = counts.max() ?? 1
        try await bench.compare(
            .init(name: "append-fsync-lz4-\(last)", producers: last, records: records, compresses: true), &report)
        for count in counts {
            try await bench.compare(
                .init(name: "append-fsync-single-\(count)", producers: count, records: 1), &report)
        }
        try await bench.compare(
            .init(name: "append-fsync-mark-\(last)", producers: last, records: records, marksBeforeAck: true), &report)
        report.results.append(
            try await bench.append(.init(name: "append-\(last)", producers: last, records: records, syncs: false))
                .result)
        try await bench.replay(&report)
        guard !alone else { return report }
        let peers = PeerBench(
            plan: PeerPlan(workers: counts, records: records, partitions: partitions, duration: .seconds(seconds)),
            environment: environment, scratch: scratch)
        try await peers.measure(&report)
        return report
    }
}
