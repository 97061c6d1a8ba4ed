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
    private var calls: [ClientCall?] = []
    private var channel: (any Channel)?
    private var bound: NIOLoopBound<ClientConnection>?
    private var isReady = false
    private(set) var isDraining = false
    private(set) var hasAnswered = false
    private var failure: ConnectionEnd?
    private var isReading = false
    private var isFlushScheduled = false
    private var handshakeTimer: (any ScheduledWork)?
    private var silence: SilenceWatch
    private var silenceTimer: (any ScheduledWork)?

    init(wire: ConnectionWire, executor: any NodeExecutor, link: ClientLink) {
        self.wire = wire
        self.executor = executor
        self.link = link
        silence = SilenceWatch(limit: link.limits.silenceBeforePing)
    }

    /// What a caller is told about the end of this connection.
    var reason: String {
        switch failure {
        case .tls(let failure): "\(link.endpoint): \(failure)"
        case .http2(let failure): "\(link.endpoint): HTTP/2 failed: \(failure)"
        case nil: "\(link.endpoint): the connection was lost"
        }
    }

    // MARK: The channel's life

    func handlerAdded(context: ChannelHandlerContext) {
        bound = NIOLoopBound(self, eventLoop: context.eventLoop)
        channel = context.channel
    }

    func channelActive(context: ChannelHandlerContext) {
        if let bound {
            let limit = link.clock.bootTime().advanced(by: link.limits.handshakeTimeout)
            handshakeTimer = executor.schedule(at: limit) { bound.value.close() }
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
            try wire.receive(unwrapInboundIn(data), sink: self)
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

    private func noteReady() {
        guard !isReady, wire.isSecured else { return }
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
    func start(_ call: ClientCall) -> Bool {
        let headers = call.request.headers(
            authority: link.authority, isSecure: wire.tls != nil, now: link.clock.bootTime())
        guard let stream = wire.session.submitRequest(headers, body: call.request.body) else { return false }
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
    func cancel(_ call: ClientCall) {
        guard let stream = call.stream, calls[Int(stream.place)] === call else { return }
        calls[Int(stream.place)] = nil
        wire.session.reset(stream, .cancel)
        scheduleFlush()
    }

    private func finish(_ stream: HTTP2StreamKey, _ outcome: ClientCallState.Outcome?) {
        guard let outcome, let call = calls[Int(stream.place)] else { return }
        calls[Int(stream.place)] = nil
        link.finish(call, outcome)
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
        calls[Int(stream.place)]?.state.onHeader(name, value)
    }

    func onHeadersEnd(_ stream: HTTP2StreamKey, isTruncated: Bool) {
        hasAnswered = true
        fail(stream, calls[Int(stream.place)]?.state.onHeadersEnd(isTruncated: isTruncated))
    }

    func onData(_ stream: HTTP2StreamKey, _ bytes: Span<UInt8>) {
        wire.session.consume(stream, bytes.count)
        fail(stream, calls[Int(stream.place)]?.state.onData(bytes))
    }

    /// An outcome before the answer's end: the rest is not wanted.
    private func fail(_ stream: HTTP2StreamKey, _ outcome: ClientCallState.Outcome??) {
        guard let outcome = outcome ?? nil else { return }
        finish(stream, outcome)
        wire.session.reset(stream, .cancel)
    }

    func onEnd(_ stream: HTTP2StreamKey) { finish(stream, calls[Int(stream.place)]?.state.onEnd()) }

    func onClosed(_ stream: HTTP2StreamKey, code: HTTP2ErrorCode) {
        guard calls.indices.contains(Int(stream.place)), let call = calls[Int(stream.place)] else { return }
        calls[Int(stream.place)] = nil
        if channel == nil || failure != nil {
            return link.finish(call, .failure(RPCStatus(.unavailable, reason)))
        }
        if code == .refusedStream, !call.wasRefused {
            call.wasRefused = true
            return link.retry(call)
        }
        link.finish(call, .failure(call.state.onClosed(code)))
    }

    func onGoAway(code: HTTP2ErrorCode) { drain() }

    func onPingAnswered() {}
}
