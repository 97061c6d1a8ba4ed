// One connection of an open loop: calls go out, and their statuses come in.

import ClusterModel
import DequeModule
import GRPCFraming
import HTTP2Engine
import MeridianClient
import NIOCore
import NodeEnvironment

/// A call that was sent.
private struct OpenCall {
    var place: Int
    var dueAt: BootInstant
    var generation: UInt32
    var status: UInt8?
    var hasDetails = false
}

/// On its loop only.
final class OpenConnection: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    /// Streams that a node grants one connection.
    private static let maxCalls = 256

    private let pacer: OpenPacer
    private let authority: [UInt8]
    private let session: HTTP2Session
    private var calls: [OpenCall?] = []
    private var waiting = 0
    /// In the order in which they are due, and so in that of their deadlines.
    private var order: Deque<HTTP2StreamKey> = []
    /// Headers by class and milliseconds left.
    private var blocks: [Int: HTTP2HeaderBlock] = [:]
    /// By class; empty unless clients hold calls back.
    private var throttles: [CallThrottle]
    private var output = ByteBuffer()
    private var channel: (any Channel)?

    init(pacer: OpenPacer, authority: String) throws {
        self.pacer = pacer
        self.authority = Array(authority.utf8)
        session = try HTTP2Session(role: .client)
        throttles =
            pacer.load.isThrottled
            ? Array(repeating: CallThrottle(ThrottlePolicy()), count: OpenLoad.classes.count) : []
    }

    func channelActive(context: ChannelHandlerContext) {
        channel = context.channel
        flush()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let bytes = unwrapInboundIn(data)
        do throws(HTTP2SessionError) {
            try session.receive(bytes.readableBytesUInt8Span, sink: self)
        } catch {
            pacer.outcome.lastFailure = "\(error)"
            context.close(promise: nil)
        }
    }

    func channelReadComplete(context: ChannelHandlerContext) { flush() }

    func channelInactive(context: ChannelHandlerContext) {
        channel = nil
        session.endStreams(code: .cancel, sink: self)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        pacer.outcome.lastFailure = "\(error)"
        context.close(promise: nil)
    }

    /// False when the client holds the call back.
    func admits(_ place: Int, at now: BootInstant) -> Bool {
        throttles.isEmpty || throttles[place].onCall(at: now)
    }

    /// False when there is no place for another call.
    func send(_ place: Int, _ request: PreparedRequest, dueAt: BootInstant, now: BootInstant) -> Bool {
        guard waiting < Self.maxCalls else { return false }
        guard channel != nil else {
            pacer.outcome.count(.failed("the connection is gone"), of: place, after: .zero)
            return true
        }
        let left = dueAt.advanced(by: pacer.load.deadline).since(now)
        let prefix = MessagePrefix(length: request.message.readableBytes)
        let body = HTTP2Body(prefix: prefix.bits, prefixCount: MessagePrefix.byteCount, request.message)
        guard let stream = session.submitRequest(block(place, request, left), body: body) else { return false }
        while calls.count <= Int(stream.place) { calls.append(nil) }
        calls[Int(stream.place)] = OpenCall(place: place, dueAt: dueAt, generation: stream.generation)
        waiting += 1
        order.append(stream)
        return true
    }

    private func block(_ place: Int, _ request: PreparedRequest, _ left: Duration) -> HTTP2HeaderBlock {
        let milliseconds = max(1, Int(left / .milliseconds(1)))
        let key = milliseconds * OpenLoad.classes.count + place
        if let block = blocks[key] { return block }
        var block = HTTP2HeaderBlock()
        block.append(":method", "POST")
        block.append(":scheme", "http")
        block.append(":path", Array(request.path.utf8))
        block.append(":authority", authority)
        block.append("te", "trailers")
        block.append("grpc-timeout", Array("\(milliseconds)m".utf8))
        block.append("content-type", "application/grpc")
        request.metadata.forEachEncoded { name, value in block.append(name, value) }
        blocks[key] = block
        return block
    }

    /// Gives up what nobody waits for any longer.
    func expire(at now: BootInstant) {
        while let stream = order.first {
            guard let call = calls[Int(stream.place)], call.generation == stream.generation else {
                order.removeFirst()
                continue
            }
            guard now.since(call.dueAt) >= pacer.load.deadline else { return }
            order.removeFirst()
            end(stream, .late)
            session.reset(stream, .cancel)
        }
    }

    func flush() {
        guard let channel, channel.isWritable else { return }
        do throws(HTTP2SessionError) {
            output.clear()
            try session.send(into: &output, sink: self)
        } catch {
            pacer.outcome.lastFailure = "\(error)"
            return channel.close(promise: nil)
        }
        if output.readableBytes > 0 { channel.writeAndFlush(output, promise: nil) }
    }

    private func end(_ stream: HTTP2StreamKey, _ end: OpenCallEnd) {
        guard let call = calls[Int(stream.place)], call.generation == stream.generation else { return }
        calls[Int(stream.place)] = nil
        waiting -= 1
        if case .refused = end {} else if !throttles.isEmpty { throttles[call.place].onAccepted() }
        pacer.outcome.count(end, of: call.place, after: pacer.clock.bootTime().since(call.dueAt))
    }
}

extension OpenConnection: HTTP2EventSink {
    func onStreamOpened(_ stream: HTTP2StreamKey) {}

    func onHeader(_ stream: HTTP2StreamKey, name: Span<UInt8>, value: Span<UInt8>) {
        let index = Int(stream.place)
        guard calls[index]?.generation == stream.generation else { return }
        if name.equals("grpc-status") {
            calls[index]?.status = value.count == 1 ? value[0] - UInt8(ascii: "0") : (value[1] - UInt8(ascii: "0") + 10)
        } else if name.equals("grpc-status-details-bin") {
            calls[index]?.hasDetails = true
        }
    }

    func onHeadersEnd(_ stream: HTTP2StreamKey, isTruncated: Bool) {}

    func onData(_ stream: HTTP2StreamKey, _ bytes: Span<UInt8>) { session.consume(stream, bytes.count) }

    func onEnd(_ stream: HTTP2StreamKey) {
        guard let call = calls[Int(stream.place)], call.generation == stream.generation else { return }
        let isInTime = pacer.clock.bootTime().since(call.dueAt) <= pacer.load.deadline
        switch call.status.flatMap({ RPCStatusCode(rawValue: Int($0)) }) {
        case .ok: end(stream, isInTime ? .good : .late)
        case .resourceExhausted where call.hasDetails, .unavailable where call.hasDetails: end(stream, .refused)
        case .deadlineExceeded: end(stream, .late)
        case let code: end(stream, .failed(code.map { "status \($0)" } ?? "no status"))
        }
    }

    func onClosed(_ stream: HTTP2StreamKey, code: HTTP2ErrorCode) {
        end(stream, .failed("the stream was closed: \(code)"))
    }

    func onGoAway(code: HTTP2ErrorCode) { pacer.outcome.lastFailure = "GOAWAY: \(code)" }

    func onPingAnswered() {}
}
