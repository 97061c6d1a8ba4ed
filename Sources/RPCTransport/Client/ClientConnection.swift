// One outgoing connection: the shell around its session. Everything happens on the channel's loop.

import ClusterModel
import GRPCFraming
import HTTP2Engine
import NIOCore
import NodeEnvironment

/// Sends requests and takes answers. Owned by its channel's pipeline; tells its link what becomes of calls.
final class ClientConnection: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    let wire: ConnectionWire
    let executor: any NodeExecutor
    private let link: ClientLink
    private var calls: [(any ClientCall)?] = []
    private var channel: (any Channel)?
    private var bound: NIOLoopBound<ClientConnection>?
    /// Whether calls could be sent at some time.
    private(set) var isReady = false
    private var isTooLate = false
    private(set) var isDraining = false
    private(set) var hasAnswered = false
    private var failure: ConnectionEnd?
    private var streamCredit: ConnectionCredit
    private var isReading = false
    private var isFlushScheduled = false
    private var handshakeTimer: (any ScheduledWork)?
    private var silence: SilenceWatch
    private var silenceTimer: (any ScheduledWork)?

    init(wire: ConnectionWire, executor: any NodeExecutor, link: ClientLink) {
        self.wire = wire
        self.executor = executor
        self.link = link
        streamCredit = ConnectionCredit(limit: link.limits.maxUnreadStreamBytes)
        silence = SilenceWatch(limit: link.limits.silenceBeforePing)
    }

    /// What a caller is told about the end of this connection.
    var reason: String {
        switch failure {
        case .tls(let failure): "\(link.endpoint): \(failure)"
        case .http2(let failure): "\(link.endpoint): HTTP/2 failed: \(failure)"
        case .refused, nil:
            "\(link.endpoint)" + (isTooLate ? " accepts connections and does not speak" : ": the connection was lost")
        }
    }

    // MARK: The channel's life

    func handlerAdded(context: ChannelHandlerContext) {
        bound = NIOLoopBound(self, eventLoop: context.eventLoop)
        channel = context.channel
    }

    func channelActive(context: ChannelHandlerContext) {
        if let bound {
            let limit = link.clock.bootTime().advanced(by: link.limits.connectTimeout)
            handshakeTimer = executor.schedule(at: limit) { bound.value.onHandshakeTimeout() }
        }
        do throws(ConnectionEnd) {
            try wire.start()
            noteReady()
            flush()
        } catch {
            end(error)
        }
        context.fireChannelActive()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        isReading = true
        silence.onHeard()
        do throws(ConnectionEnd) {
            try wire.receive(unwrapInboundIn(data), at: link.clock.bootTime(), sink: self)
            noteReady()
        } catch {
            end(error)
        }
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        isReading = false
        flush()
        context.fireChannelReadComplete()
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        if context.channel.isWritable { flush() }
        context.fireChannelWritabilityChanged()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }

    func channelInactive(context: ChannelHandlerContext) {
        handshakeTimer?.cancel()
        silenceTimer?.cancel()
        bound = nil
        channel = nil
        wire.session.endStreams(code: .cancel, sink: self)
        link.onConnectionClosed(self)
        context.fireChannelInactive()
    }

    /// Last of all, and all that a connection hears that never came to be: without it each try to reach a region that is away
    /// would stay in memory.
    func handlerRemoved(context: ChannelHandlerContext) {
        bound = nil
        channel = nil
    }

    private func onHandshakeTimeout() {
        isTooLate = true
        close()
    }

    /// A socket alone proves nothing: who accepted it may be a kernel on behalf of a process that is stuck or gone. A server
    /// that is there introduces itself first (RFC 9113 section 3.4).
    private func noteReady() {
        guard !isReady, !isDraining, wire.isSecured, wire.session.hasPeerSettings else { return }
        isReady = true
        handshakeTimer?.cancel()
        link.onConnectionReady(self)
    }

    private func end(_ reason: ConnectionEnd) {
        failure = failure ?? reason
        isReading = false
        // GOAWAY or a TLS alert, where there is one; a second failure changes nothing.
        if let channel { _ = try? wire.flush(to: channel, sink: self) }
        channel?.close(promise: nil)
    }

    /// Closes now; calls under way fail.
    func close() { channel?.close(promise: nil) }

    // MARK: Calls

    /// Sends a call. False when the connection takes no more.
    func start(_ call: any ClientCall) -> Bool {
        let headers = call.head.headers(
            authority: link.authority, isSecure: wire.tls != nil, now: link.clock.bootTime())
        guard let stream = call.submit(headers, to: wire.session) else { return false }
        while calls.count <= Int(stream.place) { calls.append(nil) }
        calls[Int(stream.place)] = call
        call.connection = self
        call.stream = stream
        if wire.session.isNearlySpent { drain() }
        scheduleFlush()
        watchSilence()
        return true
    }

    /// The caller waits no longer.
    func cancel(_ call: any ClientCall) {
        guard let stream = call.stream, calls[Int(stream.place)] === call else { return }
        leave(stream, call)
        wire.session.reset(stream, .cancel)
        scheduleFlush()
    }

    /// The application did something on a stream.
    func work(_ call: StreamingClientCall) {
        guard let stream = call.stream, calls[Int(stream.place)] === call else { return }
        let work = call.takeWork()
        if work.credit > 0 {
            wire.session.consumeOfStream(stream, work.credit)
            wire.session.consumeOfConnection(streamCredit.onTaken(work.credit))
        }
        if work.hasOutput { wire.session.resume(stream) }
        scheduleFlush()
    }

    /// Takes no new calls; closes when those under way are over.
    private func drain() {
        isDraining = true
        link.onConnectionDraining(self)
    }

    // MARK: Writing

    private func scheduleFlush() {
        guard !isReading, !isFlushScheduled, let bound else { return }
        isFlushScheduled = true
        executor.execute {
            bound.value.isFlushScheduled = false
            bound.value.flush()
        }
    }

    private func flush() {
        guard let channel else { return }
        do throws(ConnectionEnd) {
            if try wire.flush(to: channel, sink: self) { scheduleFlush() }
        } catch {
            return end(error)
        }
        if wire.isSecured, wire.session.isFinished || (isDraining && wire.session.streamCount == 0) {
            channel.close(promise: nil)
        }
    }

    // MARK: Signs of life

    private func watchSilence() {
        guard silenceTimer == nil, let bound else { return }
        silence.onHeard()
        let instant = link.clock.bootTime().advanced(by: silence.limit)
        silenceTimer = executor.schedule(at: instant) { bound.value.onSilenceTimer() }
    }

    private func onSilenceTimer() {
        silenceTimer = nil
        guard channel != nil, wire.session.streamCount > 0 else { return }
        switch silence.onTick() {
        case .none: break
        case .ping:
            wire.session.submitPing()
            flush()
        case .giveUp: return close()
        }
        if let bound {
            let instant = link.clock.bootTime().advanced(by: silence.limit)
            silenceTimer = executor.schedule(at: instant) { bound.value.onSilenceTimer() }
        }
    }
}

// MARK: Events

extension ClientConnection: HTTP2EventSink {
    func onStreamOpened(_ stream: HTTP2StreamKey) {}

    func onHeader(_ stream: HTTP2StreamKey, name: Span<UInt8>, value: Span<UInt8>) {
        calls[Int(stream.place)]?.onHeader(name, value)
    }

    func onHeadersEnd(_ stream: HTTP2StreamKey, isTruncated: Bool) {
        hasAnswered = true
        guard let call = calls[Int(stream.place)] else { return }
        if let failure = call.onHeadersEnd(isTruncated: isTruncated) { fail(stream, call, failure) }
    }

    func onData(_ stream: HTTP2StreamKey, _ bytes: Span<UInt8>) {
        guard let call = calls[Int(stream.place)] else { return wire.session.consume(stream, bytes.count) }
        if call.grantsAtOnce {
            wire.session.consume(stream, bytes.count)
        } else {
            wire.session.consumeOfConnection(streamCredit.onReceived(bytes.count))
        }
        if let failure = call.onData(bytes) { fail(stream, call, failure) }
    }

    /// A failure before the answer's end: the rest is not wanted.
    private func fail(_ stream: HTTP2StreamKey, _ call: any ClientCall, _ failure: RPCStatus) {
        leave(stream, call)
        link.finish(call, failure)
        wire.session.reset(stream, .cancel)
    }

    func onEnd(_ stream: HTTP2StreamKey) {
        guard let call = calls[Int(stream.place)] else { return }
        leave(stream, call)
        // An answer before the end of the request: what is left of it is not sent.
        if !call.hasSentAll { wire.session.reset(stream, .cancel) }
        link.complete(call)
    }

    /// The call has no stream any more.
    private func leave(_ stream: HTTP2StreamKey, _ call: any ClientCall) {
        calls[Int(stream.place)] = nil
        if call.unreadBytes > 0 { wire.session.consumeOfConnection(streamCredit.onTaken(call.unreadBytes)) }
    }

    func onClosed(_ stream: HTTP2StreamKey, code: HTTP2ErrorCode) {
        guard calls.indices.contains(Int(stream.place)), let call = calls[Int(stream.place)] else { return }
        leave(stream, call)
        if channel == nil || failure != nil { return link.finish(call, RPCStatus(.unavailable, reason)) }
        if code == .refusedStream, !call.wasRefused, call.restart(limits: link.limits) {
            call.wasRefused = true
            return link.retry(call)
        }
        // A server may reset with NO_ERROR after its whole answer; without one it is a fault.
        let status = RPCStatus(StatusMapping.code(forHTTP2Error: code.rawValue), "the stream was closed: \(code)")
        link.finish(call, status)
    }

    func onGoAway(code: HTTP2ErrorCode) { drain() }

    func onPingAnswered() {}
}
