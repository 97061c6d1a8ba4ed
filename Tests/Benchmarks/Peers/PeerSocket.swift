// A connection that sends prepared bytes and waits until its protocol has heard the answer: what RESP and NATS share.

import NIOCore
import NIOPosix
import OperatorCommands
import Synchronization

/// What a peer's answers mean. Runs on the connection's loop only.
protocol PeerProtocol: Sendable {
    /// Takes what came, in any pieces. Returns how the request under way ended; nil while it has not.
    mutating func receive(_ bytes: inout ByteBuffer) -> Result<Void, OperatorFailure>?

    /// Bytes to send at once, such as the answer to a ping.
    mutating func reply() -> ByteBuffer?
}

final class PeerHandler<Wire: PeerProtocol>: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private var wire: Wire
    private var held = ByteBuffer()
    private var waiting: CheckedContinuation<Void, any Error>?

    init(_ wire: Wire) { self.wire = wire }

    func request(_ bytes: ByteBuffer, on channel: any Channel, _ continuation: CheckedContinuation<Void, any Error>) {
        waiting = continuation
        channel.writeAndFlush(bytes, promise: nil)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var bytes = unwrapInboundIn(data)
        held.writeBuffer(&bytes)
        let ended = wire.receive(&held)
        held.discardReadBytes()
        if let reply = wire.reply() { context.writeAndFlush(wrapOutboundOut(reply), promise: nil) }
        if let ended { finish(ended.mapError { $0 as any Error }) }
    }

    func channelInactive(context: ChannelHandlerContext) {
        finish(.failure(OperatorFailure(.unreachable, "the peer closed the connection")))
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { finish(.failure(error)) }

    private func finish(_ result: Result<Void, any Error>) {
        waiting?.resume(with: result)
        waiting = nil
    }
}

/// One request at a time.
struct PeerSocket<Wire: PeerProtocol>: Sendable {
    private let channel: any Channel
    private let handler: NIOLoopBound<PeerHandler<Wire>>

    init(port: Int, _ wire: Wire, on group: MultiThreadedEventLoopGroup) async throws {
        let loop = group.next()
        (channel, handler) = try await ClientBootstrap(group: loop)
            .connect(host: "127.0.0.1", port: port)
            .flatMapThrowing { channel in
                let handler = PeerHandler(wire)
                try channel.pipeline.syncOperations.addHandler(handler)
                return (channel, NIOLoopBound(handler, eventLoop: channel.eventLoop))
            }.get()
    }

    /// Sends `bytes`; returns when the protocol says that they are answered.
    func request(_ bytes: ByteBuffer) async throws {
        try await withCheckedThrowingContinuation { continuation in
            channel.eventLoop.execute { [channel, handler] in
                handler.value.request(bytes, on: channel, continuation)
            }
        }
    }

    func close() async {
        // Already closed is closed.
        try? await channel.close()
    }
}
