// A channel's calls and its connection, on one loop.

import ClusterModel
import GRPCFraming
import HTTP2Engine
import NIOCore
import NIOPosix
import NodeEnvironment

/// The loop's side of a channel. Connects when a call asks for it; keeps each call until its outcome is known.
final class ClientLink {
    let endpoint: Endpoint
    let limits: TransportLimits
    let clock: any NodeClock
    let authority: [UInt8]
    private let tls: TLSCredentials?
    private let entropy: any EntropySource
    private let loop: any EventLoop
    private let executor: any NodeExecutor
    private var state: ClientLinkState
    private var current: ClientConnection?
    private var connections: [ObjectIdentifier: any Channel] = [:]
    private var calls: [ClientCallID: any ClientCall] = [:]
    private var waiting: [any ClientCall] = []
    private var alarm = DeadlineAlarm()
    private var timer: (any ScheduledWork)?

    init(
        endpoint: Endpoint, tls: TLSCredentials?, limits: TransportLimits, clock: any NodeClock,
        entropy: any EntropySource, executor: any NodeExecutor, loop: any EventLoop
    ) {
        self.endpoint = endpoint
        self.tls = tls
        self.limits = limits
        self.clock = clock
        self.entropy = entropy
        self.executor = executor
        self.loop = loop
        authority = Array(endpoint.description.utf8)
        state = ClientLinkState(limits: limits)
    }

    // MARK: From the channel

    func start(_ call: any ClientCall) {
        if let deadline = call.head.deadline {
            guard deadline > clock.bootTime() else { return call.finish(Self.expired) }
            arm(deadline)
        }
        calls[call.id] = call
        dispatch(call)
    }

    /// The application did something on a stream. One that waits for a connection is asked when it has one.
    func work(_ id: ClientCallID) {
        guard let call = calls[id] as? StreamingClientCall else { return }
        if call.isGivenUp { return abandon(call, RPCStatus(.cancelled, "the caller cancelled")) }
        call.connection?.work(call)
    }

    func cancel(_ id: ClientCallID) {
        guard let call = calls[id] else { return }
        abandon(call, RPCStatus(.cancelled, "the caller cancelled"))
    }

    /// Fails every call, closes every connection; the future is done when they are gone.
    func close() -> EventLoopFuture<Void> {
        state.onClose()
        timer?.cancel()
        let closing = connections.values.map { channel in
            channel.close(promise: nil)
            return channel.closeFuture
        }
        for call in calls.values { abandon(call, RPCStatus(.unavailable, "the channel is closed")) }
        return EventLoopFuture.andAllComplete(closing, on: loop)
    }

    private func dispatch(_ call: any ClientCall) {
        switch state.onCall(now: clock.bootTime()) {
        case .fail(let status): finish(call, status)
        case .wait: waiting.append(call)
        case .connect:
            waiting.append(call)
            connect()
        case .send: send(call)
        }
    }

    private func send(_ call: any ClientCall) {
        if call is ConnectionProbe { return complete(call) }
        guard let current else { return finish(call, RPCStatus(.internal, "no connection")) }
        if let engine = current.wire.tls, tls?.revokes(engine) == true {
            current.close()
            return finish(call, RPCStatus(.unavailable, "\(endpoint): the peer's certificate was revoked"))
        }
        guard !current.start(call) else { return }
        finish(call, RPCStatus(.resourceExhausted, "too many calls on one connection"))
    }

    private func abandon(_ call: any ClientCall, _ status: RPCStatus) {
        call.connection?.cancel(call)
        waiting.removeAll { $0 === call }
        finish(call, status)
    }

    /// The call is over before its answer's end.
    func finish(_ call: any ClientCall, _ failure: RPCStatus) {
        calls[call.id] = nil
        call.connection = nil
        call.finish(failure)
    }

    /// The call has its whole answer.
    func complete(_ call: any ClientCall) {
        calls[call.id] = nil
        call.connection = nil
        call.complete()
    }

    /// The peer refused the call unseen.
    func retry(_ call: any ClientCall) {
        call.connection = nil
        call.stream = nil
        dispatch(call)
    }

    // MARK: Deadlines

    private static let expired = RPCStatus(.deadlineExceeded, "the deadline has passed")

    private func arm(_ instant: BootInstant) {
        guard alarm.onDeadline(instant) else { return }
        timer?.cancel()
        let bound = NIOLoopBound(self, eventLoop: loop)
        timer = executor.schedule(at: instant) { bound.value.onAlarm() }
    }

    private func onAlarm() {
        alarm.onFired()
        let now = clock.bootTime()
        var next: BootInstant?
        for call in calls.values {
            guard let deadline = call.head.deadline else { continue }
            if deadline <= now {
                abandon(call, Self.expired)
            } else {
                next = min(next ?? deadline, deadline)
            }
        }
        if let next { arm(next) }
    }
}

// MARK: Connections

extension ClientLink {
    private func connect() {
        let bound = NIOLoopBound(self, eventLoop: loop)
        let timeout = TimeAmount.nanoseconds(limits.connectTimeout.signedNanoseconds)
        ClientBootstrap(group: loop)
            .channelOption(.tcpOption(.tcp_nodelay), value: 1)
            .channelOption(.writeBufferWaterMark, value: TransportDefaults.waterMark)
            .connectTimeout(timeout)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(bound.value.makeConnection())
                }
            }
            .connect(host: endpoint.host, port: endpoint.port)
            .whenComplete { result in
                switch result {
                case .success(let channel): bound.value.onConnected(channel)
                case .failure(let error): bound.value.onConnectFailed(error)
                }
            }
    }

    private func makeConnection() throws -> ClientConnection {
        let session = try HTTP2Session(role: .client, limits: limits.http2)
        let engine = try tls.map { try $0.context.makeClientEngine(host: endpoint.host) }
        return ClientConnection(
            wire: ConnectionWire(session: session, tls: engine, limits: limits, clock: clock), executor: executor,
            link: self)
    }

    private func onConnected(_ channel: any Channel) {
        connections[ObjectIdentifier(channel)] = channel
        let bound = NIOLoopBound(self, eventLoop: loop)
        channel.closeFuture.whenComplete { _ in bound.value.connections[ObjectIdentifier(channel)] = nil }
        if state.phase == .closed { channel.close(promise: nil) }
    }

    private func onConnectFailed(_ error: any Error) {
        fail(reason: "\(endpoint) cannot be reached: \(Self.cause(of: error))")
    }

    /// What kept the last address from answering: the library's own words repeat the endpoint and each attempt.
    private static func cause(of error: any Error) -> String {
        guard let failure = error as? NIOConnectionError else { return "\(error)" }
        return failure.connectionErrors.last.map { "\($0.error)" } ?? "its name is not known"
    }

    private func fail(reason: String) {
        state.onFailed(reason, now: clock.bootTime(), random: entropy.next())
        let failed = waiting
        waiting = []
        for call in failed { finish(call, RPCStatus(.unavailable, reason)) }
    }

    func onConnectionReady(_ connection: ClientConnection) {
        current = connection
        state.onReady()
        let ready = waiting
        waiting = []
        for call in ready { dispatch(call) }
    }

    func onConnectionDraining(_ connection: ClientConnection) {
        guard current === connection else { return }
        current = nil
        state.onProven()
        state.onLost()
    }

    func onConnectionClosed(_ connection: ClientConnection) {
        if current === connection {
            current = nil
            if connection.hasAnswered {
                state.onProven()
                state.onLost()
            } else {
                fail(reason: connection.reason)
            }
        } else if state.phase == .connecting, !connection.isReady {
            // The TLS handshake failed, or the peer left, or wanted no calls, before it was done.
            fail(reason: connection.reason)
        }
    }
}
