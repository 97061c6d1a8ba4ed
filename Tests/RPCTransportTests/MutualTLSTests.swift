// Calls over mutual TLS on real sockets, and what callers hear when a check fails.

import ClusterModel
import GRPCFraming
import NIOCore
import NodeEnvironment
import RPCTransport
import Testing

@Suite(.serialized) struct MutualTLSTests {
    @Test func callsKnowTheirCaller() async throws {
        let files = try TestCertificates()
        try await EchoServer.with(security: .mutualTLS(files.server)) { server in
            try await server.withChannel(security: .mutualTLS(files.client)) { channel in
                try await channel.expect(TestCertificates.clientURI, from: "Whoami", "")
                try await channel.expect("hop", from: "Elsewhere", "hop")
            }
        }
    }

    @Test func manyCallsAndLargeOnesGoThrough() async throws {
        let files = try TestCertificates()
        try await EchoServer.with(security: .mutualTLS(files.server)) { server in
            try await server.withChannel(security: .mutualTLS(files.client)) { channel in
                try await withThrowingTaskGroup(of: Bool.self) { group in
                    for number in 0..<200 {
                        group.addTask { try await channel.call("Echo", "call \(number)") == "call \(number)" }
                    }
                    for try await isRight in group { #expect(isRight) }
                }
                let large = ByteBuffer(repeating: 5, count: 3_000_000)
                let reply = try await channel.call("Echo", large)
                #expect(reply.message == large)
            }
        }
    }

    /// Calls with `identity`, and returns the failure.
    private func failure(
        client: LinkSecurity, server: LinkSecurity, host: String = "127.0.0.1"
    ) async throws -> (status: RPCStatus?, counters: TransportCounters) {
        var status: RPCStatus?
        var counters = TransportCounters()
        try await EchoServer.with(security: server) { server in
            let endpoint = Endpoint(host: host, port: server.listener.endpoint.port)
            try await server.withChannel(security: client, to: endpoint) { channel in
                do throws(RPCStatus) {
                    _ = try await channel.call("Echo", "")
                } catch {
                    status = error
                }
            }
            // The connection goes by itself: a shutdown now would be another reason for its end.
            while server.listener.counters.connectionsClosed == 0 { await Task.yield() }
            counters = server.listener.counters
        }
        return (status, counters)
    }

    @Test func failedChecksAreNamedToTheCaller() async throws {
        let files = try TestCertificates()
        let others = try TestCertificates()
        let server = LinkSecurity.mutualTLS(files.server)
        var (status, counters) = try await failure(client: .serverTLS(files.client), server: server)
        #expect(status?.code == .unavailable && status?.message.contains("certificate required") == true, "\(status)")
        #expect(counters.handshakesFailed == 1 && counters.calls == 0)
        (status, counters) = try await failure(client: .mutualTLS(others.client), server: server)
        #expect(status?.code == .unavailable && status?.message.contains("unknown authority") == true, "\(status)")
        #expect(counters.handshakesFailed == 1)
        let elsewhere = try files.issue("elsewhere", hosts: ["node.example"])
        (status, counters) = try await failure(client: .mutualTLS(files.client), server: .mutualTLS(elsewhere))
        #expect(status?.code == .unavailable && status?.message.contains("another name") == true, "\(status)")
    }

    @Test func thereIsNoDowngrade() async throws {
        let files = try TestCertificates()
        var (status, counters) = try await failure(client: .plaintext, server: .mutualTLS(files.server))
        #expect(status?.code == .unavailable, "\(status)")
        #expect(counters.handshakesFailed == 1 && counters.calls == 0)
        (status, counters) = try await failure(client: .mutualTLS(files.client), server: .plaintext)
        #expect(status?.code == .unavailable && status?.message.contains("TLS") == true, "\(status)")
        #expect(counters.protocolErrors == 1 && counters.calls == 0)
    }
}
