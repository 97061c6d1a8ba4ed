// What a listener does with peers that are not ours: raw bytes on real sockets.

import ClusterModel
import GRPCFraming
import HostEnvironment
import NIOCore
import NIOPosix
import NodeEnvironment
import RPCTransport
import Testing

/// Sends its bytes at once, on the connection's own loop (a busy machine may let a task wait beyond the handshake's time),
/// and collects what comes back until the connection is closed.
private final class Collector: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    private let promise: EventLoopPromise<ByteBuffer>
    private let sent: ByteBuffer
    private var bytes = ByteBuffer()

    init(sending sent: ByteBuffer, _ promise: EventLoopPromise<ByteBuffer>) {
        self.sent = sent
        self.promise = promise
    }

    func channelActive(context: ChannelHandlerContext) { context.channel.writeAndFlush(sent, promise: nil) }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) { bytes.writeImmutableBuffer(unwrapInboundIn(data)) }

    func channelInactive(context: ChannelHandlerContext) { promise.succeed(bytes) }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
}

private struct GreetingPages: PageHandler {
    func page(at path: String, answer: @escaping @Sendable (Page) -> Void) {
        answer(path == "/health" ? Page(body: "fine\n") : .notFound)
    }
}

@Suite(.serialized) struct RawSocketTests {
    /// Sends `bytes` and returns everything that comes back before the peer closes.
    private func converse(_ bytes: [UInt8], with endpoint: Endpoint, pool: EventLoopPool) async throws -> ByteBuffer {
        let promise = pool.group.any().makePromise(of: ByteBuffer.self)
        _ = try await ClientBootstrap(group: pool.group).channelInitializer { channel in
            channel.eventLoop.makeCompletedFuture {
                try channel.pipeline.syncOperations.addHandler(Collector(sending: ByteBuffer(bytes: bytes), promise))
            }
        }.connect(host: endpoint.host, port: endpoint.port).get()
        return try await promise.futureResult.get()
    }

    @Test func anotherProtocolGetsGoAwayAndTheServerStays() async throws {
        try await EchoServer.with { server in
            let answer = try await converse(
                Array("GET / HTTP/1.1\r\n\r\nGET / HTTP/1.1\r\n\r\n".utf8), with: server.listener.endpoint,
                pool: server.pool)
            // SETTINGS, and GOAWAY (type 7) at the end.
            #expect(answer.getInteger(at: answer.writerIndex - 14, as: UInt8.self) == 7)
            try await server.withChannel { channel in try await channel.expect("fine", from: "Echo", "fine") }
            #expect(server.listener.counters.protocolErrors == 1)
        }
    }

    @Test func aConnectionThatSaysNothingIsClosed() async throws {
        var limits = TransportLimits()
        limits.handshakeTimeout = .milliseconds(30)
        try await EchoServer.with(limits: limits) { server in
            _ = try await converse([], with: server.listener.endpoint, pool: server.pool)
            _ = try await converse(Array("PRI * HT".utf8), with: server.listener.endpoint, pool: server.pool)
        }
    }

    @Test func connectionsBeyondTheLimitAreClosed() async throws {
        var limits = TransportLimits()
        limits.maxConnections = 1
        limits.maxWaitingConnections = 0
        try await EchoServer.with(limits: limits) { server in
            try await server.withChannel { channel in
                try await channel.expect("in", from: "Echo", "in")
                let answer = try await converse([], with: server.listener.endpoint, pool: server.pool)
                #expect(answer.readableBytes == 0)
                #expect(server.listener.counters.connectionsRefused == 1)
            }
        }
    }

    @Test func pagesAreServed() async throws {
        try await EchoServer.with { server in
            let pages = try await server.links.servePages(
                on: Endpoint(host: "127.0.0.1", port: 0), handler: GreetingPages())
            func page(_ request: String) async throws -> String {
                String(
                    buffer: try await converse(
                        Array("\(request)\r\nconnection: close\r\n\r\n".utf8), with: pages.endpoint, pool: server.pool))
            }
            let health = try await page("GET /health?verbose HTTP/1.1")
            #expect(health.hasPrefix("HTTP/1.1 200") && health.hasSuffix("\r\n\r\nfine\n"))
            #expect(try await page("GET /other HTTP/1.1").hasPrefix("HTTP/1.1 404"))
            #expect(try await page("POST /health HTTP/1.1").hasPrefix("HTTP/1.1 405"))
            let long = String(repeating: "x", count: 5_000)
            #expect(try await page("GET /\(long) HTTP/1.1").hasPrefix("HTTP/1.1 431"))
            await pages.shutDown(by: HostClock().bootTime())
        }
    }
}
