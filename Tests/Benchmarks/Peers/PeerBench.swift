// Appends over loopback, ours beside those of Redis Streams and JetStream: every store a process of its own, one load
// generator, every batch on the disk before it counts.

import ClusterModel
import Foundation
import Glibc
import NIOCore
import NIOPosix
import NodeEnvironment
import OperatorCommands

struct PeerBench: Sendable {
    let plan: PeerPlan
    let environment: NodeEnvironment
    let scratch: ScratchDirectory

    private var load: PeerLoad { PeerLoad(plan: plan, clock: environment.clock) }

    /// Adds results, ratios and what is not installed to `report`.
    func measure(_ report: inout BenchReport) async throws {
        report.results += try await loopback()
        report.results += try await reports()
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        report.results += try await redis(on: group, &report)
        report.results += try await jetStream(on: group, &report)
        try await group.shutdownGracefully()
        for workers in plan.workers {
            for (peer, ratio) in [
                ("redis-always", "events_vs_redis_always"), ("jetstream-always", "events_vs_jetstream_always"),
            ] {
                report.compare("loopback-fsync-\(workers)", with: "\(peer)-\(workers)", as: "\(ratio)_\(workers)")
            }
            report.compare(
                "loopback-fsync-\(workers)", with: "append-fsync-\(workers)", as: "loopback_vs_append_fsync_\(workers)")
        }
    }

    // MARK: Ours

    private func loopback() async throws -> [BenchResult] {
        let port = try LoopbackPorts.free(1)[0]
        let directory = try scratch.makeSubdirectory("loopback")
        let arguments = [
            try Executables.beside("meridian-bench"), "log-server", "--port", "\(port)", "--directory", directory,
            "--partitions", "\(plan.partitions)",
        ]
        return try await withServer("loopback", arguments, port: port) { () async throws -> [BenchResult] in
            var results: [BenchResult] = []
            for workers in plan.workers {
                results.append(
                    try await load.run(named: "loopback-fsync-\(workers)", workers, "fdatasync before each ack") {
                        CallAppender.log(try channel(port), worker: $0, plan: plan, clock: environment.clock)
                    })
            }
            return results
        }
    }

    private func reports() async throws -> [BenchResult] {
        let node = try NodeProcess(
            binary: try Executables.beside("meridiand"), directory: try scratch.makeSubdirectory("node"),
            environment: environment)
        _ = try scratch.makeSubdirectory("node/data")
        try await node.start()
        do {
            var results: [BenchResult] = []
            let ids = BenchIDs(serverTime: environment.clock.wallTime(), clock: environment.clock)
            for workers in plan.workers {
                results.append(
                    try await load.run(named: "report-fsync-\(workers)", workers, "local") {
                        CallAppender.report(
                            try environment.links.channel(to: node.endpoint, security: .plaintext), worker: $0,
                            plan: plan, ids: ids, clock: environment.clock)
                    })
            }
            await node.end()
            return results
        } catch {
            await node.end()
            throw error
        }
    }

    private func channel(_ port: Int) throws -> any CallChannel {
        try environment.links.channel(to: Endpoint(host: "127.0.0.1", port: port), security: .plaintext)
    }

    // MARK: Theirs

    private func redis(
        on group: MultiThreadedEventLoopGroup, _ report: inout BenchReport
    ) async throws -> [BenchResult] {
        guard Tools.isInstalled(RedisPeer.program) else {
            report.skipped.append((RedisPeer.program, Tools.installation(of: RedisPeer.program)))
            return []
        }
        let port = try LoopbackPorts.free(1)[0]
        let directory = try scratch.makeSubdirectory("redis")
        let arguments = RedisPeer.arguments(
            try Tools.path(RedisPeer.program), port: port, directory: directory)
        return try await withServer("redis", arguments, port: port) { () async throws -> [BenchResult] in
            var results: [BenchResult] = []
            for workers in plan.workers {
                results.append(
                    try await load.run(named: "redis-always-\(workers)", workers, "appendfsync always") {
                        try await RedisAppender(port: port, worker: $0, plan: plan, on: group)
                    })
            }
            return results
        }
    }

    private func jetStream(
        on group: MultiThreadedEventLoopGroup, _ report: inout BenchReport
    ) async throws -> [BenchResult] {
        guard Tools.isInstalled(JetStreamPeer.program),
            try await JetStreamPeer.isFit(
                try Tools.path(JetStreamPeer.program), scratch: scratch, clock: environment.clock)
        else {
            report.skipped.append((JetStreamPeer.program, Tools.installation(of: JetStreamPeer.program)))
            return []
        }
        let port = try LoopbackPorts.free(1)[0]
        let directory = try scratch.makeSubdirectory("jetstream")
        let configuration = "\(directory)/nats.conf"
        try JetStreamPeer.configuration(port: port, directory: directory)
            .write(toFile: configuration, atomically: true, encoding: .utf8)
        let arguments = [try Tools.path(JetStreamPeer.program), "-c", configuration]
        return try await withServer("jetstream", arguments, port: port) { () async throws -> [BenchResult] in
            var results: [BenchResult] = []
            for workers in plan.workers {
                results.append(
                    try await load.run(named: "jetstream-always-\(workers)", workers, "R1, sync_interval always") {
                        try await JetStreamAppender(port: port, worker: $0, plan: plan, on: group)
                    })
            }
            return results
        }
    }

    // MARK: Processes

    /// Starts a server, waits until it listens, and ends it whatever happens.
    private func withServer<Value>(
        _ name: String, _ arguments: [String], port: Int, _ body: () async throws -> Value
    ) async throws -> Value {
        let output = "\(scratch.path)/\(name).log"
        let process = try ChildProcess(arguments, outputPath: output)
        do {
            for _ in 0..<500 where process.end() == nil && !LoopbackPorts.isListening(port) {
                try await environment.clock.sleep(for: .milliseconds(20))
            }
            guard LoopbackPorts.isListening(port) else {
                // Nothing said is nothing to show.
                let said = (try? String(contentsOfFile: output, encoding: .utf8)) ?? ""
                throw OperatorFailure(.unreachable, "\(name) does not listen: \(said.suffix(500))")
            }
            let value = try await body()
            await end(process)
            return value
        } catch {
            await end(process)
            throw error
        }
    }

    private func end(_ process: ChildProcess) async {
        process.signal(SIGKILL)
        // Killed processes end; the wait only reaps.
        _ = try? await process.waitForEnd(within: .seconds(5), clock: environment.clock)
    }
}

extension BenchReport {
    /// The ratio of two results' events a second, where both were measured.
    mutating func compare(_ name: String, with other: String, as ratio: String) {
        func rate(_ name: String) -> Double? {
            results.first { $0.name == name }?.figures
                .first { $0.key == "events_per_second" || $0.key == "records_per_second" }?.value
        }
        if let own = rate(name), let theirs = rate(other), theirs > 0 { ratios.append((ratio, own / theirs)) }
    }
}
