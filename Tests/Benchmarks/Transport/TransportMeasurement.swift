// The order of a transport benchmark, and its figures.

import NIOCore
import NodeEnvironment
import OperatorCommands

struct TransportMeasurement {
    let plan: TransportPlan
    let files: EchoFiles
    let environment: NodeEnvironment

    func report() async throws -> BenchReport {
        var report = BenchReport(area: "transport", results: [])
        for tool in ["h2load", "nghttpd"] where !Tools.isInstalled(tool) {
            report.skipped.append((tool, Tools.installation(of: tool)))
        }
        let programs: [EchoPeer.Program] =
            report.skipped.isEmpty ? [.meridian, .nghttpd] : [.meridian]
        for security in EchoPeer.Security.allCases {
            let peers = programs.map { EchoPeer(program: $0, security: security) }
            try await measure(peers, into: &report)
        }
        return report
    }

    /// Starts the servers: to be timed, and ours once more to be counted. nghttpd brings an allocator of its own, which
    /// the counting library would break.
    private func measure(_ peers: [EchoPeer], into report: inout BenchReport) async throws {
        var running: [EchoProcess] = []
        do {
            var pairs: [ServerPair] = []
            for peer in peers {
                let timed = try await start(peer, isCounted: false, &running)
                let counted = peer.program == .meridian ? try await start(peer, isCounted: true, &running) : nil
                pairs.append(ServerPair(timed: timed, counted: counted))
            }
            if Tools.isInstalled("h2load") { try await driveByH2Load(pairs, into: &report) }
            try await driveByOwnClient(pairs[0], into: &report)
        } catch {
            for server in running { await server.end(environment) }
            throw error
        }
        for server in running { await server.end(environment) }
    }

    private func start(
        _ peer: EchoPeer, isCounted: Bool, _ running: inout [EchoProcess]
    ) async throws -> EchoProcess {
        let server = try await EchoProcess.start(peer, isCounted: isCounted, files: files, environment: environment)
        running.append(server)
        return server
    }

    // MARK: By h2load

    private func driveByH2Load(_ pairs: [ServerPair], into report: inout BenchReport) async throws {
        for (connections, streams) in plan.shapes {
            var costs: [[Double]] = pairs.map { _ in [] }
            var rates: [[Double]] = pairs.map { _ in [] }
            let load = H2Load(connections: connections, streams: streams, extent: .duration(plan.roundDuration))
            for _ in 0..<plan.rounds {
                for (index, pair) in pairs.enumerated() {
                    let (outcome, cpu, _) = try await observe(pair.timed, load)
                    costs[index].append(cpu)
                    rates[index].append(outcome.requestsPerSecond)
                }
            }
            let shape = "\(connections)x\(streams)"
            for (index, pair) in pairs.enumerated() {
                let observed = try await observeCalls(pair, connections, streams)
                report.results.append(
                    BenchResult(
                        name: "\(pair.timed.peer.resultName)-\(shape)",
                        parameters: parameters("h2load", connections, streams),
                        figures: [
                            ("requests_per_second", median(rates[index])), ("cpu_us_per_request", median(costs[index])),
                        ] + observed))
            }
            if pairs.count == 2 {
                let name = "cpu_vs_nghttpd_\(pairs[0].timed.peer.security.rawValue)_\(shape)"
                report.ratios.append((name, median(costs[0]) / max(0.001, median(costs[1]))))
            }
        }
        try await drivePaced(pairs, into: &report)
    }

    /// Latencies of the timed server, allocations of the counted one.
    private func observeCalls(
        _ pair: ServerPair, _ connections: Int, _ streams: Int
    ) async throws -> [(key: String, value: Double)] {
        var load = H2Load(
            connections: connections, streams: streams, extent: .requests(plan.observedCalls), logsLatency: true)
        let timed = try await observe(pair.timed, load).outcome
        load.logsLatency = false
        var figures: [(key: String, value: Double)] = [
            ("p50_us", timed.quantile(0.5)), ("p99_us", timed.quantile(0.99)),
            ("failed_requests", Double(timed.failed)),
            ("resident_bytes", Double(try pair.timed.sample().residentBytes)),
        ]
        if let server = pair.counted {
            // Buffers grow and tables fill in the first of the two runs.
            _ = try await observe(server, load)
            figures.insert(("mallocs_per_request", try await observe(server, load).allocations), at: 0)
        }
        return figures
    }

    private func drivePaced(_ pairs: [ServerPair], into report: inout BenchReport) async throws {
        let load = H2Load(
            connections: 1, streams: 16, extent: .paced(rate: plan.pacedRate, plan.roundDuration), logsLatency: true)
        var medians: [[Double]] = pairs.map { _ in [] }
        var tails = medians
        for _ in 0..<plan.rounds {
            for (index, pair) in pairs.enumerated() {
                let outcome = try await observe(pair.timed, load).outcome
                medians[index].append(outcome.quantile(0.5))
                tails[index].append(outcome.quantile(0.99))
            }
        }
        for (index, pair) in pairs.enumerated() {
            report.results.append(
                BenchResult(
                    name: "\(pair.timed.peer.resultName)-paced-\(plan.pacedRate)",
                    parameters: parameters("h2load", 1, 16) + [("rate", "\(plan.pacedRate)")],
                    figures: [("p50_us", median(medians[index])), ("p99_us", median(tails[index]))]))
        }
        if pairs.count == 2 {
            let name = "p50_vs_nghttpd_\(pairs[0].timed.peer.security.rawValue)_paced_\(plan.pacedRate)"
            report.ratios.append((name, median(medians[0]) / max(1, median(medians[1]))))
        }
    }

    /// Tries again a few times where the driver does not stop.
    private func observe(
        _ server: EchoProcess, _ load: H2Load
    ) async throws -> (outcome: H2Load.Outcome, cpu: Double, allocations: Double) {
        for _ in 0..<3 {
            do { return try await observeOnce(server, load) } catch is H2Load.Overrun { continue }
        }
        throw OperatorFailure(
            .unreachable, "h2load does not stop", nextStep: "measure for longer: --seconds \(5 * plan.rounds)")
    }

    private func observeOnce(
        _ server: EchoProcess, _ load: H2Load
    ) async throws -> (outcome: H2Load.Outcome, cpu: Double, allocations: Double) {
        let before = try server.sample()
        let outcome = try await load.run(
            server.peer.url(port: server.endpoint.port), files: files, environment: environment)
        let after = try server.sample()
        let requests = Double(max(1, outcome.succeeded))
        return (
            outcome, (after.cpuMicroseconds - before.cpuMicroseconds) / requests,
            Double(after.allocations - before.allocations) / requests
        )
    }

    // MARK: By our own client

    private func driveByOwnClient(_ pair: ServerPair, into report: inout BenchReport) async throws {
        let isOnlyDriver = !Tools.isInstalled("h2load")
        let message = ByteBuffer(repeating: 1, count: EchoServerCommand.requestBytes)
        let security: LinkSecurity =
            pair.timed.peer.security == .h2c
            ? .plaintext
            : .serverTLS(
                TLSIdentity(authorityPath: files.authority, certificatePath: "", keyPath: ""))
        for (connections, streams) in plan.shapes {
            let generator = LoadGenerator(
                connections: connections, streams: streams, duration: plan.duration, security: security)
            let before = try pair.timed.sample()
            let outcome = try await generator.run(to: pair.timed.endpoint, environment: environment) { _, _ in
                PreparedRequest(path: EchoServerCommand.path, message: message)
            }
            let after = try pair.timed.sample()
            if let failure = outcome.lastFailure { Console.progress("own client: a call failed: \(failure)") }
            let name = (isOnlyDriver ? "" : "own-client-") + pair.timed.peer.resultName
            let requests = Double(max(1, outcome.requests))
            report.results.append(
                BenchResult(
                    name: "\(name)-\(connections)x\(streams)",
                    parameters: parameters("meridian", connections, streams),
                    figures: [
                        ("requests_per_second", outcome.requestsPerSecond),
                        ("cpu_us_per_request", (after.cpuMicroseconds - before.cpuMicroseconds) / requests),
                        ("p50_us", Double(outcome.latency.quantileMicroseconds(0.5))),
                        ("p99_us", Double(outcome.latency.quantileMicroseconds(0.99))),
                        ("failed_requests", Double(outcome.failures)),
                    ]))
        }
    }

    private func parameters(
        _ client: String, _ connections: Int, _ streams: Int
    ) -> [(key: String, value: String)] {
        [("client", client), ("connections", "\(connections)"), ("streams", "\(streams)")]
    }

    private func median(_ values: [Double]) -> Double {
        let sorted = values.sorted()
        return sorted.isEmpty ? 0 : sorted[sorted.count / 2]
    }
}

/// The same server, once or twice.
struct ServerPair {
    var timed: EchoProcess
    /// Runs with the counting library, which costs time.
    var counted: EchoProcess?
}
