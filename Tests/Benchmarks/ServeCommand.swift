// `meridian-bench serve`: a real node over loopback, asked for content and told of clicks.

import ArgumentParser
import ClusterModel
import Datasets
import Foundation
import GRPCFraming
import MeridianClient
import MeridianProtocol
import NIOCore
import NodeEnvironment
import OperatorCommands

struct ServeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "serve", abstract: "Slates and reports against one node over loopback.",
        discussion: """
            Starts meridiand with a preload library that counts its allocations, publishes a generated catalogue, lets
            users click, then measures next-content and a mix of 95 slates to 5 reports at durability local. CPU and
            allocations are the server's, over the whole process.
            """)

    @Option(help: "Seconds a configuration is measured.") var seconds = 5
    @Option(help: "Users that have a history.") var users = 2_000
    @Option(help: "Items of the catalogue.") var contents = 3_000
    @Flag(help: "Print one JSON object.") var json = false

    /// Connections and calls under way on each.
    private static let shapes = [(1, 1), (1, 16), (4, 16), (16, 16)]

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
        let counters = try ProcessCounters(directory: scratch.path)
        let node = try NodeProcess(
            binary: try Executables.beside("meridiand"), directory: scratch.path, environment: environment)
        try await node.start(counters.variables)
        do {
            let results = try await measure(node, counters, environment)
            await node.end()
            return BenchReport(area: "serve", results: results)
        } catch {
            await node.end()
            throw error
        }
    }

    private func measure(
        _ node: NodeProcess, _ counters: ProcessCounters, _ environment: NodeEnvironment
    ) async throws -> [BenchResult] {
        guard let process = await node.identifier else { throw OperatorFailure(.unreachable, "the node has ended") }
        let load = try ServeLoad(users: users, contents: contents)
        try await load.prepare(node, environment)
        var results: [BenchResult] = []
        for (name, reportShare) in [("next-content", 0), ("mixed-95-5", 5)] {
            for (connections, streams) in Self.shapes {
                let generator = LoadGenerator(
                    connections: connections, streams: streams, duration: .seconds(seconds))
                let before = try counters.sample(process)
                let ids = await load.idSource(node, environment)
                let outcome = try await generator.run(to: node.endpoint, environment: environment) { worker, number in
                    load.request(worker, number, reportPerCent: reportShare, ids)
                }
                let after = try counters.sample(process)
                if let failure = outcome.lastFailure, outcome.failures > 0 {
                    Console.progress("\(name): \(outcome.failures) calls failed, the last with: \(failure)")
                }
                results.append(
                    Self.result(name, connections, streams, reportShare, outcome, before, after))
            }
        }
        return results
    }

    private static func result(
        _ name: String, _ connections: Int, _ streams: Int, _ reportShare: Int, _ outcome: LoadOutcome,
        _ before: CounterSample, _ after: CounterSample
    ) -> BenchResult {
        let requests = Double(max(1, outcome.requests))
        return BenchResult(
            name: name,
            parameters: [
                ("connections", "\(connections)"), ("streams", "\(streams)"), ("reports_per_cent", "\(reportShare)"),
                ("items", "10"),
            ],
            figures: [
                ("requests_per_second", outcome.requestsPerSecond),
                ("cpu_us_per_request", (after.cpuMicroseconds - before.cpuMicroseconds) / requests),
                ("mallocs_per_request", Double(after.allocations - before.allocations) / requests),
                ("p50_us", Double(outcome.latency.quantileMicroseconds(0.5))),
                ("p99_us", Double(outcome.latency.quantileMicroseconds(0.99))),
                ("p999_us", Double(outcome.latency.quantileMicroseconds(0.999))),
                ("failed_requests", Double(outcome.failures)), ("resident_bytes", Double(after.residentBytes)),
            ])
    }
}
