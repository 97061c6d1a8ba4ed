// `meridian-bench overload`: what is left of a node's goodput at three and ten times what it can serve.

import ArgumentParser
import ClusterModel
import GRPCFraming
import Glibc
import MeridianProtocol
import NodeEnvironment
import OperatorCommands

struct OverloadCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "overload", abstract: "Goodput of one node at 1, 3 and 10 times its sustainable load.",
        discussion: """
            Starts meridiand with one event loop, pinned to the first core; the generator is pinned to the second. A
            closed loop that grows finds the sustainable rate, then an open loop sends 50 % unlocks, 20 % reports and
            30 % prefetches at multiples of it, each with a deadline. Good is what was answered OK within it. Unsent is
            what found no free stream, missed what the generator itself came to too late; both are counted apart. Classes
            cost differently, and under overload other ones are served: useful_ratio is the part of its time that the
            node spent on good calls, from what it can do of each class alone. Throttled: the same with clients that hold
            back what would be refused, as MeridianClient does; the others stand for callers who never listen.
            """)

    @Option(help: "Seconds a load is measured.") var seconds = 5
    @Option(help: "Users that have a history.") var users = 2_000
    @Option(help: "Items of the catalogue.") var contents = 3_000
    @Option(help: "Items of a slate: what makes a call costly.") var items = 100
    @Option(help: "Connections of the open loop.") var connections = 32
    @Option(help: "Deadline of each call, milliseconds.") var deadline = 250
    @Flag(help: "Turn control by age off, to see what it is good for.") var withoutControl = false
    @Flag(help: "Print one JSON object.") var json = false

    private static let loads = [(1.0, false), (3.0, false), (10.0, false), (3.0, true), (10.0, true)]
    private static let steps = [1, 4, 16, 64]

    mutating func validate() throws {
        guard (1...600).contains(seconds), (1...1_000_000).contains(users), (1...200_000).contains(contents),
            (1...100).contains(items), (1...1_024).contains(connections), (10...10_000).contains(deadline)
        else { throw ValidationError("seconds 1-600, items 1-100, connections 1-1024, deadline 10-10000") }
    }

    mutating func run() async throws {
        let command = self
        let scratch = try ScratchDirectory("meridian-bench")
        defer { scratch.remove() }
        let report = try await HostRuntime.run { environment in
            let isPinned = try await Self.pinToSecondCore(environment, in: scratch)
            return try await command.measure(environment, isPinned: isPinned, in: scratch)
        }
        let machine = MachineFacts.read()
        Console.answer(json ? report.json(machine) : report.table(machine))
    }

    /// All threads of this process, and those that they make from now on. False on a machine with one core.
    private static func pinToSecondCore(_ environment: NodeEnvironment, in scratch: ScratchDirectory) async throws
        -> Bool
    {
        guard sysconf(Int32(_SC_NPROCESSORS_ONLN)) > 1 else { return false }
        let process = try ChildProcess(
            [try Tools.path("taskset"), "-acp", "1", "\(getpid())"], outputPath: "\(scratch.path)/taskset.log")
        return try await process.waitForEnd(within: .seconds(5), clock: environment.clock) == .exited(0)
    }

    private func measure(
        _ environment: NodeEnvironment, isPinned: Bool, in scratch: ScratchDirectory
    ) async throws -> BenchReport {
        let limits = "\nlimits:\n  loops: 1" + (withoutControl ? "\n  queue_target_ms: 0" : "")
        let node = try NodeProcess(
            binary: try Executables.beside("meridiand"),
            launcher: isPinned ? [try Tools.path("taskset"), "-c", "0"] : [],
            directory: scratch.path, environment: environment, extra: limits)
        try await node.start()
        do {
            let report = try await measure(node, environment, isPinned: isPinned)
            await node.end()
            return report
        } catch {
            await node.end()
            throw error
        }
    }

    private func measure(
        _ node: NodeProcess, _ environment: NodeEnvironment, isPinned: Bool
    ) async throws -> BenchReport {
        let load = try ServeLoad(users: users, contents: contents, slots: items)
        try await load.prepare(node, environment)
        let ids = await load.idSource(node, environment)
        let request = { @Sendable (place: Int, number: UInt64) in
            Self.request(load, OpenLoad.classes[place].0, number, ids)
        }
        var results: [BenchResult] = []
        let sustainable = try await sustainableRate(node, environment, request, &results)
        var alone: [Double] = []
        for place in OpenLoad.classes.indices {
            alone.append(try await closedLoop(node, environment, callers: 64, only: place, request, &results))
        }
        var outcomes: [OpenOutcome] = []
        for (factor, isThrottled) in Self.loads {
            let open = OpenLoad(
                connections: connections, rate: sustainable * factor, duration: .seconds(seconds),
                deadline: .milliseconds(deadline), isThrottled: isThrottled)
            let processes = [await node.identifier ?? 0, getpid()]
            let before = try processes.map(ProcessCounters.processorMicroseconds(of:))
            let outcome = try await open.run(to: node.endpoint, clock: environment.clock, request: request)
            let after = try processes.map(ProcessCounters.processorMicroseconds(of:))
            let busy = zip(before, after).map { ($1 - $0) / max(1, outcome.elapsed / .microseconds(1)) }
            if let failure = outcome.lastFailure { Console.progress("\(Int(factor))x: a call failed with \(failure)") }
            results.append(
                result(open, factor, outcome, useful: outcome.useful(of: alone), busy, isPinned: isPinned))
            outcomes.append(outcome)
        }
        let goodput = outcomes.map { max(1, $0.total(\.good)) }
        let useful = outcomes.map { max(0.001, $0.useful(of: alone)) }
        return BenchReport(
            area: "overload", results: results,
            ratios: [
                ("goodput_3x_vs_1x", goodput[1] / goodput[0]), ("goodput_10x_vs_1x", goodput[2] / goodput[0]),
                ("useful_3x_vs_1x", useful[1] / useful[0]), ("useful_10x_vs_1x", useful[2] / useful[0]),
                ("useful_3x_throttled_vs_1x", useful[3] / useful[0]),
                ("useful_10x_throttled_vs_1x", useful[4] / useful[0]),
            ])
    }

    /// The most that a closed loop gets out of the node, of ever more callers.
    private func sustainableRate(
        _ node: NodeProcess, _ environment: NodeEnvironment,
        _ request: @escaping @Sendable (Int, UInt64) -> PreparedRequest, _ results: inout [BenchResult]
    ) async throws -> Double {
        var best = 0.0
        for callers in Self.steps {
            let rate = try await closedLoop(node, environment, callers: callers, only: nil, request, &results)
            guard rate > best * 1.05 else { return max(best, rate) }
            best = rate
        }
        return best
    }

    /// Calls a second of so many callers who wait for their answers: of all classes, or of one.
    private func closedLoop(
        _ node: NodeProcess, _ environment: NodeEnvironment, callers: Int, only place: Int?,
        _ request: @escaping @Sendable (Int, UInt64) -> PreparedRequest, _ results: inout [BenchResult]
    ) async throws -> Double {
        let generator = LoadGenerator(
            connections: min(callers, 8), streams: max(1, callers / 8), duration: .milliseconds(seconds * 500))
        let outcome = try await generator.run(to: node.endpoint, environment: environment) { worker, number in
            let call = number &* UInt64(callers) &+ UInt64(worker)
            return request(place ?? OpenLoad.place(call), call)
        }
        let rate = outcome.requestsPerSecond
        results.append(
            BenchResult(
                name: "overload-closed",
                parameters: [
                    ("callers", "\(callers)"), ("items", "\(items)"),
                    ("class", place.map { OpenLoad.classes[$0].0 } ?? "all"),
                ],
                figures: [
                    ("requests_per_second", rate), ("p99_us", Double(outcome.latency.quantileMicroseconds(0.99))),
                ]))
        return rate
    }

    private static func request(
        _ load: ServeLoad, _ name: String, _ number: UInt64, _ ids: BenchIDs
    ) -> PreparedRequest {
        // 100 % of the numbers are reports, or none.
        var request = load.request(0, number, reportPerCent: name == "write" ? 100 : 0, ids)
        if name == "prefetch" { request.metadata.append("meridian-priority", "prefetch") }
        return request
    }

    private func result(
        _ load: OpenLoad, _ factor: Double, _ outcome: OpenOutcome, useful: Double, _ busy: [Double], isPinned: Bool
    ) -> BenchResult {
        var figures: [(key: String, value: Double)] = [
            ("offered_per_second", load.rate), ("sent_per_second", outcome.total(\.sent)),
            ("unsent_per_second", outcome.rate(outcome.unsent)), ("missed_per_second", outcome.rate(outcome.missed)),
            ("throttled_per_second", outcome.rate(outcome.throttled)),
            ("goodput_per_second", outcome.total(\.good)), ("useful_ratio", useful),
            ("refused_per_second", outcome.total(\.refused)),
            ("late_per_second", outcome.total(\.late)), ("failed_per_second", outcome.total(\.failed)),
            ("node_cpu_ratio", busy[0]), ("generator_cpu_ratio", busy[1]),
        ]
        for (place, name) in OpenLoad.classes.map(\.0).enumerated() {
            let part = outcome.classes[place]
            figures += [
                ("\(name)_good_ratio", Double(part.good) / Double(max(1, part.sent))),
                ("\(name)_p50_us", Double(part.latency.quantileMicroseconds(0.5))),
                ("\(name)_p99_us", Double(part.latency.quantileMicroseconds(0.99))),
            ]
        }
        return BenchResult(
            name: "overload-\(Int(factor))x" + (load.isThrottled ? "-throttled" : ""),
            parameters: [
                ("connections", "\(connections)"), ("items", "\(items)"), ("deadline_ms", "\(deadline)"),
                ("pinned", "\(isPinned)"), ("control", "\(!withoutControl)"),
            ], figures: figures)
    }
}
