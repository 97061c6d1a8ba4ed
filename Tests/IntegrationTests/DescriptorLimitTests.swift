// A node whose system grants it little (A8; FAULTS 3.2): it serves within that, or names the limit.

import Glibc
import HostEnvironment
import MeridianClient
import MeridianProtocol
import NodeEnvironment
import Testing

@testable import OperatorCommands

@Suite(
    .serialized, .timeLimit(.minutes(5)),
    .enabled(if: BuiltExecutables.areThere, Comment(rawValue: BuiltExecutables.absence)))
struct DescriptorLimitTests {
    /// Starts what follows it after `script`, which sets limits.
    private static func under(_ script: String) -> (ScratchDirectory) -> [String] {
        { _ in ["/bin/bash", "-c", "\(script) && exec \"$0\" \"$@\""] }
    }

    private static func page(_ path: String, of real: RealNode) throws -> String {
        let connection = try RawConnection(port: real.node.adminEndpoint.port)
        defer { connection.close() }
        connection.send(Array("GET \(path) HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".utf8))
        return connection.text(withinMilliseconds: 30_000)
    }

    private static func gauge(_ name: String, in metrics: String) -> Double? {
        let line = metrics.split(separator: "\n").first { $0.hasPrefix("meridian_link_\(name){listener=\"api\"}") }
        return line?.split(separator: " ").last.flatMap { Double($0) }
    }

    private static func report(_ real: RealNode) async throws {
        let client = try real.node.makeClient()
        var event = Meridian_V1_Interaction()
        event.kind = .click
        event.contentID = "content-1"
        _ = try await client.report([event], of: "user-1", options: CallOptions(timeout: .seconds(60)))
        await client.close()
    }

    /// With the default configuration 1,224 idle connections at 1,024 descriptors ended in SIGILL inside libdispatch; before
    /// that accepting spun, and the admin port answered nobody.
    @Test func connectionsBeyondTheLimitOfDescriptorsAreRefusedAndTheRestGoesOn() async throws {
        _ = MachineLimits.raised(files: HostFileStore())
        try await RealNode.with(launcher: Self.under("ulimit -n 1024")) { real in
            try await real.node.start()
            #expect(real.node.outputTail(lines: 40).contains("limits.connections is 10000"))
            var idle: [RawConnection] = []
            defer { for connection in idle { connection.close() } }
            for _ in 0..<1_300 { idle.append(try RawConnection(port: real.node.endpoint.port)) }
            var metrics = try Self.page("/metrics", of: real)
            // None of them has introduced itself: the oldest make room for others.
            while Self.gauge("connections_evicted", in: metrics) ?? 0 < 1 {
                try #require(await real.node.isRunning, "\(real.node.outputTail())")
                metrics = try Self.page("/metrics", of: real)
            }
            let limit = try #require(Self.gauge("connections_limit", in: metrics))
            #expect(limit > 500 && limit < 900, "\(limit)")
            #expect(try Self.page("/readyz", of: real).hasPrefix("HTTP/1.1 200"))
            let alarms = try Self.page("/statusz", of: real)
            #expect(alarms.contains("connections_high") && alarms.contains("not introduced themselves"), "\(alarms)")
            try await Self.report(real)
            for connection in idle { connection.close() }
            idle = []
            try await Self.report(real)
            try await real.node.stop()
        }
    }

    @Test func theSoftLimitIsRaisedToTheHardOne() async throws {
        try await RealNode.with(launcher: Self.under("ulimit -Sn 300; ulimit -Hn 2048")) { real in
            try await real.node.start()
            let limit = Self.gauge("connections_limit", in: try Self.page("/metrics", of: real))
            #expect(limit ?? 0 > 1_500, "\(limit as Any)")
            try await real.node.stop()
        }
    }

    /// What a node says that does not start, and with which code it ends.
    private static func refusal(_ script: String, limit: Duration = .seconds(60)) async throws -> CommandRun {
        try await RealNode.with { real in
            try await CommandRun.run(
                under(script)(real.scratch) + [BuiltExecutables.meridiand, "--config", real.node.configurationPath],
                limit: limit)
        }
    }

    @Test(arguments: [
        ("ulimit -n 128", "the limit of open files is 128"), ("ulimit -v 1000000", "the limit of address space"),
    ])
    func whatIsTooLittleIsRefusedByName(script: String, words: String) async throws {
        let run = try await Self.refusal(script)
        #expect(run.end == .exited(4), "\(run.output)")
        #expect(run.output.contains(words) && run.output.contains("next: raise"), "\(run.output)")
    }

    /// Starts what follows it as somebody whose processes are counted: the kernel bounds nobody's threads who is root. So few
    /// that none of the runtime's is granted, or some and not a node's.
    private static func asOrdinaryUser(_ limit: String, _ arguments: [String]) -> [String] {
        let script = ["/bin/bash", "-c", "ulimit -u \(limit) && exec \"$0\" \"$@\""] + arguments
        return geteuid() == 0
            ? ["/usr/bin/setpriv", "--reuid", "65533", "--regid", "65533", "--clear-groups"] + script : script
    }

    /// With few threads the language's runtime waits for one before an asynchronous main is run: the process hung.
    @Test(arguments: [BuiltExecutables.meridiand, BuiltExecutables.meridian])
    func tooFewThreadsAreRefusedByName(executable: String) async throws {
        let run = try await CommandRun.run(Self.asOrdinaryUser("1", [executable, "--version"]), limit: .seconds(30))
        #expect(run.end == .exited(4), "\(run.output)")
        #expect(run.output.contains("threads") && run.output.contains("LimitNPROC"), "\(run.output)")
    }
}
