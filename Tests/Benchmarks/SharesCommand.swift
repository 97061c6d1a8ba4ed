// `meridian-bench shares`: what one client's floods cost another one (B16).

import ArgumentParser
import ClusterModel
import MeridianClient
import MeridianProtocol
import NodeEnvironment
import OperatorCommands

struct SharesCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "shares", abstract: "One client's latency, alone and beside another one's floods.",
        discussion: """
            Starts meridiand with TLS and one event loop. A quiet client asks for content, one call after the other; in turn it \
            is alone, and beside a client that calls as fast as the node answers, over many connections: writes of one \
            user's consent, and content. What is compared stands next to each other in time: the median of the rounds' \
            ratios, and beside it that of two rounds alone, which is the noise.
            """)

    @Option(help: "Seconds of each half of a round.") var seconds = 3
    @Option(help: "Rounds.") var rounds = 5
    @Option(help: "Connections of the flooding client.") var connections = 16
    @Option(help: "Calls that it has under way on each.") var calls = 32
    @Flag(help: "Print one JSON object.") var json = false

    mutating func validate() throws {
        guard (1...600).contains(seconds), (1...100).contains(rounds), (1...1_024).contains(connections),
            (1...256).contains(calls)
        else { throw ValidationError("seconds 1-600, rounds 1-100, connections 1-1024, calls 1-256") }
    }

    mutating func run() async throws {
        let command = self
        let scratch = try ScratchDirectory("meridian-bench")
        defer { scratch.remove() }
        let report = try await HostRuntime.run { environment in
            let stage = try SharesStage(scratch, environment)
            try await stage.node.start()
            do {
                let report = try await command.measure(stage)
                await stage.node.end()
                return report
            } catch {
                await stage.node.end()
                throw error
            }
        }
        let machine = MachineFacts.read()
        Console.answer(json ? report.json(machine) : report.table(machine))
    }

    private func measure(_ stage: SharesStage) async throws -> BenchReport {
        let quiet = try stage.client("app-quiet")
        var report = BenchReport(area: "shares", results: [])
        var (floods, noises): ([Double], [Double]) = ([], [])
        for round in 0..<rounds {
            let first = try await stage.ask(quiet, for: .seconds(seconds))
            let second = try await stage.ask(quiet, for: .seconds(seconds))
            let beside = try await flood(stage, quiet)
            floods.append(beside.median / second.median)
            noises.append(second.median / first.median)
            for (name, one) in [("shares-alone", second), ("shares-beside", beside)] {
                report.results.append(
                    BenchResult(
                        name: name,
                        parameters: [
                            ("round", "\(round)"), ("connections", "\(connections)"), ("calls", "\(calls)"),
                        ],
                        figures: [
                            ("p50_us", one.median), ("p99_us", Double(one.latency.quantileMicroseconds(0.99))),
                            ("calls", Double(one.count)), ("flood_calls", Double(one.flood)),
                            ("flood_refused", Double(one.refused)),
                        ]))
            }
        }
        await quiet.close()
        report.ratios = [("p50_beside_vs_alone", Self.median(floods)), ("p50_alone_vs_alone", Self.median(noises))]
        return report
    }

    /// The quiet client's calls while the other one floods.
    private func flood(_ stage: SharesStage, _ quiet: MeridianClient) async throws -> SharesOutcome {
        var clients: [MeridianClient] = []
        for _ in 0..<connections { clients.append(try stage.client("app-flood")) }
        let outcome = try await withThrowingTaskGroup(of: (Int, Int).self) { group in
            for (number, client) in clients.enumerated() {
                for call in 0..<calls {
                    group.addTask { await stage.flood(client, number &* 1_000 &+ call) }
                }
            }
            defer { group.cancelAll() }
            var outcome = try await stage.ask(quiet, for: .seconds(seconds))
            group.cancelAll()
            for try await (sent, refused) in group {
                outcome.flood += sent
                outcome.refused += refused
            }
            return outcome
        }
        for client in clients { await client.close() }
        return outcome
    }

    private static func median(_ values: [Double]) -> Double { values.sorted()[values.count / 2] }
}

/// The calls of one half of a round.
struct SharesOutcome: Sendable {
    var latency = LatencyHistogram()
    var count = 0
    /// Of the other client.
    var flood = 0
    var refused = 0

    var median: Double { Double(max(1, latency.quantileMicroseconds(0.5))) }
}

/// A node with two clients' certificates.
private struct SharesStage: Sendable {
    let node: NodeProcess
    private let certificates: FleetCertificates
    private let environment: NodeEnvironment

    init(_ scratch: ScratchDirectory, _ environment: NodeEnvironment) throws {
        self.environment = environment
        certificates = FleetCertificates(
            directory: try scratch.makeSubdirectory("certs"), files: environment.files)
        let tls = NodeTLS(
            node: try certificates.node("node-1", of: "local"), client: try certificates.client("operator"))
        var settings = try NodeSettings(tls: tls, logExtra: "\nlimits:\n  loops: 1")
        settings.access.append("{identities: [\"meridian://\(NodeSettings.deployment)/client/app-*\"], roles: [app]}")
        node = try NodeProcess(
            binary: try Executables.beside("meridiand"), directory: scratch.path, settings: settings,
            environment: environment)
        for name in ["app-quiet", "app-flood"] { _ = try certificates.client(name) }
    }

    /// One more connection of a client.
    func client(_ name: String) throws -> MeridianClient {
        let directory = "\(node.directory)/certs"
        let identity = TLSIdentity(
            authorityPath: "\(directory)/ca.pem", certificatePath: "\(directory)/client-\(name).pem",
            keyPath: "\(directory)/client-\(name).key")
        let security = LinkSecurity.mutualTLS(identity).expecting(.node(of: ["local"], in: NodeSettings.deployment))
        guard let region = RegionEndpoints(name: "local", [node.endpoint], security: security) else {
            throw OperatorFailure(.usage, "no endpoint")
        }
        return try MeridianClient(
            regions: [region], environment: environment, configuration: MeridianClient.Configuration())
    }

    /// One call after the other, all of which have to be answered.
    func ask(_ client: MeridianClient, for duration: Duration) async throws -> SharesOutcome {
        var outcome = SharesOutcome()
        let end = environment.clock.bootTime().advanced(by: duration)
        while environment.clock.bootTime() < end {
            let begun = environment.clock.bootTime()
            _ = try await client.nextContent(for: "quiet-\(outcome.count % 100)")
            outcome.latency.record(environment.clock.bootTime().since(begun))
            outcome.count += 1
        }
        return outcome
    }

    /// Until it is cancelled: every other call is a write of the same user's consent. How many were sent, and refused.
    func flood(_ client: MeridianClient, _ number: Int) async -> (sent: Int, refused: Int) {
        let options = CallOptions(timeout: .seconds(1), retry: .never)
        var (sent, refused) = (0, 0)
        while !Task.isCancelled {
            do {
                if sent % 2 == 0 {
                    _ = try await client.setConsent(true, of: "flooded", options: options)
                } else {
                    _ = try await client.nextContent(for: "flood-\(number)", options: options)
                }
            } catch {
                refused += 1
            }
            sent += 1
        }
        return (sent, refused)
    }
}
