// One accepted connection: the shell around its session and its calls. Everything happens on the connection's loop.

import ClusterModel
import GRPCFraming
import HTTP2Engine
import NIOCore
import NodeEnvironment

/// What the connections of one listener share.
struct ServerSetting: Sendable {
    let handler: any CallHandler
    /// Paths of unary methods, and from `firstStreaming` on those of streaming ones.
    let methods: MethodTable
    let firstStreaming: Int
    let limits: TransportLimits
    let clock: any NodeClock
    let entropy: any EntropySource

    init(
        handler: any CallHandler, limits: TransportLimits, clock: any NodeClock, entropy: any EntropySource
    ) {
        let unary = handler.methods
        self.handler = handler
        self.limits = limits
        self.clock = clock
        self.entropy = entropy
        methods = MethodTable(unary + handler.streamingMethods)
        firstStreaming = unary.count
    }
}

/// Reads, dispatches, answers, writes: once a tick each. Owned by its channel's pipeline.
final class ServerConnection: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    let setting: ServerSetting
    let executor: any NodeExecutor
    let wire: ConnectionWire
    var calls: [ServerCall] = []
    var counts = TransportCounters()
    var bufferedBytes = 0
    var unsentBytes = 0
    var streamCredit: ConnectionCredit
    var watch: ConnectionWatch
    var peer = PeerIdentity(certificateURI: nil, address: "")
    private let pulse: LoopPulse
    /// Between when and when the bytes at hand arrived.
    private(set) var arrival: (earliest: BootInstant, latest: BootInstant)
    var failures = FailureBlocks()
    private(set) var responder: ConnectionResponder?
    private let cell: CounterCell
    private let onEnd: @Sendable () -> Void
    /// Whether the peer's certificate was taken back since its handshake.
    let isRevoked: @Sendable (TLSEngine) -> Bool
    /// False where there is no place for such a peer.
    private let onIntroduced: @Sendable (PeerIdentity) -> Bool
    /// Whether the listener holds half of the connections that it may.
    let isCrowded: @Sendable () -> Bool
    private var channel: (any Channel)?
    private var bound: NIOLoopBound<ServerConnection>?
    private var alarm = DeadlineAlarm()
    private var timer: (any ScheduledWork)?
    private var handshakeTimer: (any ScheduledWork)?
    private var isReading = false
    private var isFlushScheduled = false
    private var isGone = false
    private(set) var isShuttingDown = false
    var hasSaidLastStream = false
    private var watchTimer: (any ScheduledWork)?
    private var wasSecured = false
    private var isIntroduced = false
    private var isEnding = false

    var session: HTTP2Session { wire.session }

    init(
        setting: ServerSetting, executor: any NodeExecutor, wire: ConnectionWire, cell: CounterCell, pulse: LoopPulse,
        isCrowded: @escaping @Sendable () -> Bool, isRevoked: @escaping @Sendable (TLSEngine) -> Bool,
        onIntroduced: @escaping @Sendable (PeerIdentity) -> Bool,
        onEnd: @escaping @Sendable () -> Void
    ) {
        self.isCrowded = isCrowded
        self.isRevoked = isRevoked
        self.onIntroduced = onIntroduced
        self.setting = setting
        streamCredit = ConnectionCredit(limit: setting.limits.maxUnreadStreamBytes)
        watch = ConnectionWatch(limits: setting.limits, random: setting.entropy.next())
        self.executor = executor
        self.wire = wire
        self.cell = cell
        self.pulse = pulse
        let now = setting.clock.bootTime()
        arrival = (now, now)
        self.onEnd = onEnd
    }

    // MARK: The channel's life

    func handlerAdded(context: ChannelHandlerContext) {
        let bound = NIOLoopBound(self, eventLoop: context.eventLoop)
        self.bound = bound
        channel = context.channel
        responder = ConnectionResponder(bound, loop: context.eventLoop)
        peer.address = context.remoteAddress?.description ?? ""
        counts.connectionsAccepted += 1
        if wire.tls != nil { wire.admission = { [weak self] in self?.introduce() ?? false } }
        let limit = setting.clock.bootTime().advanced(by: setting.limits.handshakeTimeout)
        handshakeTimer = executor.schedule(at: limit) { bound.value.onHandshakeTimeout() }
        if context.channel.isActive { flush() }
    }

    func channelActive(context: ChannelHandlerContext) {
        peer.address = context.remoteAddress?.description ?? ""
        flush()
        context.fireChannelActive()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        isReading = true
        arrival = pulse.onRead()
        do throws(ConnectionEnd) {
            try wire.receive(unwrapInboundIn(data), at: arrival.latest, sink: self)
            noteSecured()
            if session.hasPeerSettings { endHandshake() }
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

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        // The socket failed: there is nobody to tell.
        context.close(promise: nil)
    }

    func channelInactive(context: ChannelHandlerContext) {
        onGone()
        context.fireChannelInactive()
    }

    /// A channel that closes before it was ever active tells its handlers nothing else.
    func handlerRemoved(context: ChannelHandlerContext) { onGone() }

    private func onGone() {
        guard !isGone else { return }
        isGone = true
        session.endStreams(code: .cancel, sink: self)
        timer?.cancel()
        handshakeTimer?.cancel()
        watchTimer?.cancel()
        // The circle through the bound reference ends here.
        responder = nil
        bound = nil
        channel = nil
        counts.connectionsClosed += 1
        if !wire.isSecured, !isShuttingDown { counts.handshakesFailed += 1 }
        publishCounts()
        onEnd()
    }

    /// Learns who the peer is, once the handshake is over.
    func noteSecured() {
        guard !wasSecured, wire.isSecured else { return }
        wasSecured = true
        peer.certificateURI = wire.tls?.peerURI
    }

    private func endHandshake() {
        guard let timer = handshakeTimer else { return }
        timer.cancel()
        handshakeTimer = nil
        guard introduce() else { return end(.refused) }
        startWatch()
    }

    /// Over TLS before anything of the peer is read, else with its settings: no call of a refused connection is begun.
    private func introduce() -> Bool {
        guard !isIntroduced else { return true }
        noteSecured()
        isIntroduced = onIntroduced(peer)
        return isIntroduced
    }

    /// The connection gives up its place to another.
    func evict() {
        guard channel != nil else { return }
        counts.connectionsEvicted += 1
        close()
    }

    private func onHandshakeTimeout() {
        guard channel != nil else { return }
        if wire.isSecured { counts.protocolErrors += 1 }
        channel?.close(promise: nil)
    }

    private func end(_ reason: ConnectionEnd) {
        guard !isEnding else { return }
        isEnding = true
        switch reason {
        case .http2(let error):
            counts.protocolErrors += 1
            if error == .flooded { counts.connectionsFlooding += 1 }
        // A failed handshake is counted when its connection is gone, however it went.
        case .tls: break
        case .refused: counts.connectionsRefused += 1
        }
        isReading = false
        // GOAWAY or a TLS alert, where there is one; a second failure changes nothing.
        if let channel { _ = try? wire.flush(to: channel, sink: self) }
        channel?.close(promise: nil)
    }

    // MARK: Writing

    /// Writes at the end of this tick, together with everything else of it.
    func scheduleFlush() {
        guard !isReading, !isFlushScheduled, let bound else { return }
        isFlushScheduled = true
        executor.execute {
            bound.value.isFlushScheduled = false
            bound.value.flush()
        }
    }

    func flush() {
        guard let channel, !isEnding else { return }
        do throws(ConnectionEnd) {
            if try wire.flush(to: channel, sink: self) { scheduleFlush() }
        } catch {
            return end(error)
        }
        publishCounts()
        if wire.isSecured, session.isFinished {
            isEnding = true
            if session.hasProtocolError { counts.protocolErrors += 1 }
            ConnectionWire.closeAfterWrites(channel)
        }
    }

    private func publishCounts() {
        counts.bytesReceived = wire.takeReceivedCount()
        counts.bytesSent = wire.takeSentCount()
        cell.add(&counts)
    }

    func markShuttingDown() { isShuttingDown = true }

    var isChannelWritable: Bool { channel?.isWritable ?? false }

    func scheduleWatch(at instant: BootInstant) {
        guard let bound, channel != nil else { return }
        watchTimer = executor.schedule(at: instant) { bound.value.onWatchStep() }
    }

    /// Closes now.
    func close() { channel?.close(promise: nil) }

    // MARK: Deadlines

    /// The call in `index` was not answered at once: sees to it that it ends some day.
    func watch(_ index: Int) {
        let expiry = calls[index].deadline ?? setting.clock.bootTime().advanced(by: setting.limits.maxCallDuration)
        calls[index].expiry = expiry
        arm(expiry)
    }

    private func arm(_ instant: BootInstant) {
        guard let bound, alarm.onDeadline(instant) else { return }
        timer?.cancel()
        timer = executor.schedule(at: instant) { bound.value.onAlarm() }
    }

    private func onAlarm() {
        alarm.onFired()
        let now = setting.clock.bootTime()
        var next: BootInstant?
        for index in calls.indices where calls[index].isWatched {
            guard let expiry = calls[index].expiry else { continue }
            if expiry <= now {
                expire(index)
            } else {
                next = min(next ?? expiry, expiry)
            }
        }
        if let next { arm(next) }
    }
}
