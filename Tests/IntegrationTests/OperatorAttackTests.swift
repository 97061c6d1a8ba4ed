// What a newcomer did to a node and its commands on real processes: taken ports, closed pipes, calls that are refused.

import ClusterModel
import Foundation
import HostEnvironment
import NodeEnvironment
import Testing

@testable import OperatorCommands

@Suite(.serialized, .enabled(if: BuiltExecutables.areThere, Comment(rawValue: BuiltExecutables.absence)))
struct OperatorAttackTests {
    private static func listing(_ path: String) throws -> [String] {
        try FileManager.default.subpathsOfDirectory(atPath: path).sorted()
    }

    /// Each such start left an incarnation behind.
    @Test("a start on a taken port ends with exit code 4, names port and key, and writes nothing")
    func aTakenPortLeavesTheDirectoryAsItIs() async throws {
        try await RealNode.with { real in
            let handler = EmptyPages()
            let taken = try await real.environment.links.servePages(on: real.node.endpoint, handler: handler)
            let before = try Self.listing(real.node.journalPath)
            for _ in 0..<3 {
                let run = try await CommandRun.run([
                    BuiltExecutables.meridiand, "--config", real.node.configurationPath,
                ])
                #expect(run.end == .exited(4), "\(run.output)")
                #expect(run.output.contains("listen.api: address in use: \(real.node.endpoint)"), "\(run.output)")
                #expect(try Self.listing(real.node.journalPath) == before)
            }
            // Time enough: past the deadline the socket closes behind this test's back.
            await taken.shutDown(by: real.environment.clock.bootTime().advanced(by: .seconds(10)))
            try await real.node.start()
            try await real.node.stop()
        }
    }

    @Test("a watching command ends when its reader has gone", arguments: ["status", "digest"])
    func aClosedPipeEndsAWatch(command: String) async throws {
        try await RealNode.with { real in
            try await real.node.start()
            let line = "\(BuiltExecutables.meridian) \(command) --watch --endpoint \(real.node.endpoint) | head -1"
            let run = try await CommandRun.run(["/bin/sh", "-c", line])
            #expect(run.end == .exited(0), "\(run.output)")
            try await real.node.stop()
        }
    }

    @Test("a replay whose calls fail ends with exit code 1 and counts them by reason")
    func aReplayThatIsRefusedIsNoSuccess() async throws {
        try await RealNode.with { real in
            try await real.node.start()
            let endpoint = ["--endpoint", "\(real.node.endpoint)"]
            // Evacuated: users are refused.
            let moved = try await CommandRun.meridian(["region", "evacuate", "--force", "--wait", "2"] + endpoint)
            #expect(moved.end != nil, "\(moved.output)")
            let run = try await CommandRun.meridian(
                ["replay", "--rate", "50", "--duration", "1", "--no-publish", "--timeout", "0.5", "--json"] + endpoint)
            #expect(run.end == .exited(1), "\(run.output)")
            #expect(run.output.contains("\"failed_by_reason\":{\"REGION_EVACUATED\":"), "\(run.output)")
            try await real.node.stop()
        }
    }
}

/// A listener that nobody asks.
private struct EmptyPages: PageHandler {
    func page(at path: String, answer: @escaping @Sendable (Page) -> Void) { answer(.notFound) }
}
