// What a real node does with bad input: a clear refusal each, and it goes on, or does not start and says why.

import ClusterModel
import Foundation
import GRPCFraming
import HostEnvironment
import MeridianClient
import MeridianProtocol
import NIOCore
import NodeEnvironment
import RPCTransport
import Testing

@testable import OperatorCommands

@Suite(.serialized, .enabled(if: BuiltExecutables.areThere, Comment(rawValue: BuiltExecutables.absence)))
struct BadInputTests {
    private static func expectServing(_ real: RealNode, _ why: String) async throws {
        let client = try real.node.makeClient()
        let status = try? await client.status()
        await client.close()
        #expect(status?.state == .active, "\(why): \(real.node.outputTail())")
    }

    @Test func malformedFramesEndTheirConnectionOnly() async throws {
        let preface = Array("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".utf8)
        let inputs: [(name: String, bytes: [UInt8])] = [
            ("noise", (0..<4_096).map { UInt8(truncatingIfNeeded: $0 &* 167) }),
            ("HTTP/1.1", Array("GET / HTTP/1.1\r\nHost: x\r\n\r\n".utf8)),
            ("a frame of 16 MiB", preface + [0xff, 0xff, 0xff, 0x00, 0x00, 0x00, 0x00, 0x00, 0x01]),
            ("data before headers", preface + [0, 0, 0, 4, 0, 0, 0, 0, 0] + [0, 0, 1, 0, 0, 0, 0, 0, 1, 7]),
            (
                "headers that are no HPACK",
                preface + [0, 0, 0, 4, 0, 0, 0, 0, 0] + [0, 0, 4, 1, 4, 0, 0, 0, 1, 255, 255, 255, 255]
            ),
            ("half a preface", Array(preface.prefix(10))),
        ]
        try await RealNode.with { real in
            try await real.node.start()
            for input in inputs {
                let connection = try RawConnection(port: real.node.endpoint.port)
                connection.send(input.bytes)
                if input.name != "half a preface" {
                    #expect(connection.isClosedByPeer(withinMilliseconds: 5_000), "\(input.name)")
                }
                connection.close()
                try await Self.expectServing(real, input.name)
            }
        }
    }

    @Test func anOversizeMessageIsRefusedWithItsStatus() async throws {
        try await RealNode.with { real in
            try await real.node.start()
            var limits = TransportLimits()
            limits.maxMessageBytes = 64 << 20
            let links = SocketLinks(
                pool: try #require(real.environment.executors as? EventLoopPool), limits: limits)
            let channel = try links.channel(to: real.node.endpoint, security: .plaintext)
            let status = await #expect(throws: RPCStatus.self) {
                try await channel.unary(
                    path: "/meridian.v1.InteractionService/Report",
                    message: ByteBuffer(repeating: 0x0a, count: 9 << 20),
                    metadata: CallMetadata(), deadline: real.environment.clock.bootTime().advanced(by: .seconds(10)))
            }
            #expect(status?.code == .resourceExhausted, "\(String(describing: status))")
            await channel.close()
            try await Self.expectServing(real, "an oversize message")
        }
    }

    @Test func certificatesOfStrangersAreRefused() async throws {
        try await RealNode.with(tls: TestCertificates.make) { real in
            try await real.node.start()
            let stranger = try TestCertificates.stranger(real.scratch)
            for arguments in [stranger, []] {
                let run = try await CommandRun.meridian(
                    ["status", "--timeout", "1", "--endpoint", "\(real.node.endpoint)"] + arguments)
                #expect(run.end == .exited(3), "\(arguments): \(run.output)")
            }
            // A client that is known and no operator may not ask for the status.
            let application = try await CommandRun.meridian(
                ["status", "--timeout", "2", "--endpoint", "\(real.node.endpoint)"]
                    + TestCertificates.application(real.scratch))
            #expect(application.end == .exited(4), "\(application.output)")
            try await Self.expectServing(real, "strangers")
        }
    }

    @Test func anUnknownConfigurationKeyIsNamedWithItsPlace() async throws {
        try await RealNode.with(extra: "  directroy: /tmp/x") { real in
            let failure = await #expect(throws: OperatorFailure.self) { try await real.node.start() }
            let message = failure?.message ?? ""
            #expect(message.contains("exited(2)"), "\(message)")
            #expect(message.contains("directroy"), "\(message)")
            #expect(message.contains(":15:") || message.contains("line 15"), "\(message)")
        }
    }

    @Test func s7ADamagedJournalIsRefusedWithItsPlace() async throws {
        try await RealNode.with { real in
            try await real.node.start()
            for number in 0..<20 {
                let run = try await CommandRun.meridian([
                    "report", "user-\(number)", "click", "c", "--endpoint", "\(real.node.endpoint)",
                ])
                #expect(run.end == .exited(0), "\(run.output)")
            }
            try await real.node.stop()
            let name = try #require(
                try real.environment.files.list(real.node.journalPath).first { $0.hasSuffix(".segment") })
            let file = try real.environment.files.open("\(real.node.journalPath)/\(name)", .readWrite)
            try file.write([0xff, 0, 0xff, 0, 0xff], at: 700)
            file.close()
            let failure = await #expect(throws: OperatorFailure.self) { try await real.node.start() }
            #expect(failure?.message.contains(name) == true, "\(failure?.message ?? "")")
            let verify = try await CommandRun.meridian(["log", "verify", real.node.journalPath, "--json"])
            #expect(verify.end == .exited(1), "\(verify.output)")
        }
    }
}
