// Places of a listener on real sockets: strangers, one greedy client, and those whom the listener is there for.

import GRPCFraming
import HostEnvironment
import NIOCore
import NIOPosix
import NodeEnvironment
import RPCTransport
import Testing

@Suite(.serialized, .timeLimit(.minutes(2))) struct PlaceTests {
    /// More silent connections than there are places, and again as many: a caller is served all the while.
    @Test func silentConnectionsKeepNobodyOut() async throws {
        var limits = TransportLimits()
        limits.maxConnections = 4
        limits.maxWaitingConnections = 16
        limits.handshakeTimeout = .seconds(600)
        try await EchoServer.with(limits: limits) { server in
            var silent: [any Channel] = []
            for round in 0..<4 {
                for _ in 0..<16 {
                    silent.append(
                        try await ClientBootstrap(group: server.pool.eventLoops[0].eventLoop).connect(
                            host: "127.0.0.1", port: server.listener.endpoint.port
                        ).get())
                }
                try await server.withChannel { channel in
                    try await channel.expect("in \(round)", from: "Echo", "in \(round)")
                }
            }
            #expect(server.listener.counters.connectionsEvicted > 0)
            for channel in silent { try? await channel.close().get() }  // The server has closed most of them.
        }
    }

    /// One certificate, many connections.
    @Test func oneClientsConnectionsEndAtItsShare() async throws {
        let files = try TestCertificates()
        var limits = TransportLimits()
        limits.maxConnections = 8
        limits.maxConnectionsOfOne = 2
        let other = try files.issue("other", uri: "meridian://test/client/other")
        try await EchoServer.with(security: .mutualTLS(files.server), limits: limits) { server in
            var greedy: [any CallChannel] = []
            for _ in 0..<2 {
                let channel = try server.links.channel(
                    to: server.listener.endpoint, security: .mutualTLS(files.client))
                try await channel.expect("a", from: "Echo", "a")
                greedy.append(channel)
            }
            try await server.withChannel(security: .mutualTLS(files.client)) { third in
                await #expect(throws: RPCStatus.self) {
                    _ = try await third.call("Echo", ByteBuffer(string: "b"), within: .seconds(1))
                }
            }
            #expect(server.listener.counters.connectionsRefused > 0)
            try await server.withChannel(security: .mutualTLS(other)) { channel in
                try await channel.expect("c", from: "Echo", "c")
            }
            for channel in greedy {
                try await channel.expect("d", from: "Echo", "d")
                await channel.close()
            }
        }
    }
}
