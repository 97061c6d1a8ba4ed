// A peer that sends what it is told and answers nothing by itself.

import NIOCore
import NIOPosix
import NodeEnvironment

/// What a server said to a raw peer.
struct RawAnswer: Sendable {
    var frames: [RawFrame] = []
    var isClosed = false

    /// The code of the last GOAWAY.
    var goAway: UInt32? { frames.last { $0.kind == RawFrame.Kind.goAway.rawValue }?.errorCode }

    func reset(of stream: UInt32) -> UInt32? {
        frames.first { $0.kind == RawFrame.Kind.resetStream.rawValue && $0.stream == stream }?.errorCode
    }

    func count(_ kind: RawFrame.Kind) -> Int { frames.count { $0.kind == kind.rawValue } }
}

/// One connection. Everything that comes in is kept, up to `maxFrames`.
final class RawPeer: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    private static let maxFrames = 100_000
    private let isEnough: @Sendable (RawAnswer) -> Bool
    private let promise: EventLoopPromise<RawAnswer>
    /// Sends what is to be sent, at once and on the connection's own loop: a busy machine may let a task wait beyond the
    /// handshake's time.
    private let onActive: @Sendable (any Channel) -> Void
    private var answer = RawAnswer()
    private var buffer = ByteBuffer()
    private var isDone = false

    private init(
        _ promise: EventLoopPromise<RawAnswer>, onActive: @escaping @Sendable (any Channel) -> Void,
        _ isEnough: @escaping @Sendable (RawAnswer) -> Bool
    ) {
        self.promise = promise
        self.onActive = onActive
        self.isEnough = isEnough
    }

    func channelActive(context: ChannelHandlerContext) { onActive(context.channel) }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        buffer.writeImmutableBuffer(unwrapInboundIn(data))
        while answer.frames.count < Self.maxFrames, let frame = RawFrame(from: &buffer) { answer.frames.append(frame) }
        buffer.discardReadBytes()
        if isEnough(answer) { finish(context) }
    }

    func channelInactive(context: ChannelHandlerContext) {
        answer.isClosed = true
        finish(context)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }

    private func finish(_ context: ChannelHandlerContext) {
        guard !isDone else { return }
        isDone = true
        promise.succeed(answer)
        context.close(promise: nil)
    }

    /// Sends `bytes` (in pieces, one every `interval`, where one is given) and returns what came back by the time that
    /// `isEnough` says so or the server closes. A peer that does not read sees no close: it ends with `closing`.
    static func converse(
        _ bytes: [UInt8], with endpoint: Endpoint, pool: MultiThreadedEventLoopGroup, reads: Bool = true,
        piecesOf size: Int = .max, every interval: TimeAmount? = nil,
        until isEnough: @escaping @Sendable (RawAnswer) -> Bool = { _ in false },
        closing: (@Sendable () -> Bool)? = nil
    ) async throws -> RawAnswer {
        let promise = pool.any().makePromise(of: RawAnswer.self)
        let all = ByteBuffer(bytes: bytes)
        let send: @Sendable (any Channel) -> Void = { channel in
            guard let interval else { return channel.writeAndFlush(all, promise: nil) }
            trickle(all, size, interval, to: channel)
        }
        let channel = try await ClientBootstrap(group: pool)
            .channelOption(.autoRead, value: reads)
            .channelOption(.allowRemoteHalfClosure, value: false)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(RawPeer(promise, onActive: send, isEnough))
                }
            }.connect(host: endpoint.host, port: endpoint.port).get()
        if let closing {
            while !closing() { await Task.yield() }
            try? await channel.close()
        }
        let answer = try await promise.futureResult.get()
        // It may be closed already, which is as good.
        try? await channel.close()
        return answer
    }

    /// Writes the next piece, and the rest later.
    private static func trickle(_ bytes: ByteBuffer, _ size: Int, _ interval: TimeAmount, to channel: any Channel) {
        var rest = bytes
        guard let piece = rest.readSlice(length: min(size, rest.readableBytes)), piece.readableBytes > 0 else { return }
        channel.writeAndFlush(piece, promise: nil)
        let left = rest
        channel.eventLoop.scheduleTask(in: interval) { trickle(left, size, interval, to: channel) }
    }
}
