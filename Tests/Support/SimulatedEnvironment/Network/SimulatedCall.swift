// One unary call through the simulated network, from request to reply or loss.

import ClusterModel
import GRPCFraming
import NIOCore
import NodeEnvironment
import Synchronization

/// Finishes exactly once for its caller, whichever of reply, deadline, cancellation and loss comes first.
final class SimulatedCall: CallResponder, SimulatedExchange {
    struct Request: Sendable {
        let path: String
        let message: ByteBuffer
        let metadata: CallMetadata
        let deadline: BootInstant?
    }

    typealias Outcome = Result<UnaryReply, RPCStatus>

    private struct State {
        var continuation: UnsafeContinuation<Outcome, Never>?
        var outcome: Outcome?
        var isAnswered = false
        var server: SimulatedLinks?
    }

    /// A call that nothing answers, across a cut, fails after this long.
    private static let silence: UInt64 = 20_000_000_000

    let number: UInt64
    private let channel: SimulatedChannel
    private let request: Request
    private let state = Mutex(State())

    private var network: SimulatedNetwork { channel.links.network }
    private var scheduler: SimulationScheduler { network.scheduler }

    init(channel: SimulatedChannel, request: Request) {
        self.channel = channel
        self.request = request
        number = channel.links.network.scheduler.makeQueueNumber()
    }

    // MARK: The caller's side

    func run() async -> Outcome {
        channel.enter(self)
        send()
        return await withUnsafeContinuation { continuation in
            let outcome = state.withLock { state in
                if state.outcome == nil { state.continuation = continuation }
                return state.outcome
            }
            if let outcome { continuation.resume(returning: outcome) }
        }
    }

    func cancel(_ status: RPCStatus) { finish(.failure(status)) }

    func cancel() { finish(.failure(RPCStatus(.cancelled, "the caller cancelled the call"))) }

    func finish(_ outcome: Outcome) {
        let continuation = state.withLock { state -> UnsafeContinuation<Outcome, Never>? in
            guard state.outcome == nil else { return nil }
            state.outcome = outcome
            defer { state.continuation = nil }
            return state.continuation
        }
        leave()
        continuation?.resume(returning: outcome)
    }

    private func leave() {
        channel.leave(self)
        state.withLock(\.server)?.leave(self)
    }

    private func send() {
        if let deadline = request.deadline {
            scheduler.schedule(at: channel.links.clock.simulationTime(of: deadline)) { [self] in
                finish(.failure(RPCStatus(.deadlineExceeded, "the deadline passed")))
            }
        }
        let arrival = channel.requestArrival()
        if network.losesCall() { return fail(at: arrival, "the connection was lost") }
        scheduler.schedule(at: arrival) { [self] in arrive() }
        if let later = network.duplicateDelay() {
            scheduler.schedule(at: arrival + later) { [self] in arriveAgain() }
        }
    }

    private func fail(at instant: UInt64, _ message: String) {
        scheduler.schedule(at: instant) { [self] in finish(.failure(RPCStatus(.unavailable, message))) }
    }

    // MARK: The server's side

    private func arrive() {
        guard state.withLock({ $0.outcome == nil }) else { return }
        guard let service = network.service(at: channel.endpoint), !service.owner.isDead else {
            return fail(at: channel.replyArrival(), "\(channel.endpoint): connection refused")
        }
        guard passes(to: service) else {
            return fail(at: scheduler.now + Self.silence, "\(channel.endpoint): timed out")
        }
        guard case .calls(let handler, let security) = service.kind,
            let peer = SimulatedHandshake.peer(
                of: channel.security, at: security, address: channel.links.machine)
        else {
            return fail(at: channel.replyArrival(), "\(channel.endpoint): the handshake failed")
        }
        guard let method = handler.methods.firstIndex(of: request.path) else {
            return reply(.failure(RPCStatus(.unimplemented, "no method \(request.path)")))
        }
        state.withLock { $0.server = service.owner }
        service.owner.enter(self)
        handle(handler, method, peer, at: service, answeredBy: self)
    }

    /// The second copy: whoever serves there now handles it, and nobody hears the answer.
    private func arriveAgain() {
        guard let service = network.service(at: channel.endpoint), !service.owner.isDead, passes(to: service),
            case .calls(let handler, let security) = service.kind,
            let peer = SimulatedHandshake.peer(of: channel.security, at: security, address: channel.links.machine),
            let method = handler.methods.firstIndex(of: request.path)
        else { return }
        handle(handler, method, peer, at: service, answeredBy: UnheardResponder())
    }

    private func passes(to service: SimulatedNetwork.Service) -> Bool {
        !network.isCut(from: channel.links.machine, to: service.owner.machine)
    }

    private func handle(
        _ handler: any CallHandler, _ method: Int, _ peer: PeerIdentity, at service: SimulatedNetwork.Service,
        answeredBy responder: any CallResponder
    ) {
        let loop = channel.loop(of: service)
        loop.execute { [self] in
            let call = UnaryCall(
                method: method, message: request.message, metadata: request.metadata,
                deadline: serverDeadline(service.owner), peer: peer, executor: loop, responder: responder,
                token: CallToken(stream: 1, generation: UInt32(truncatingIfNeeded: number)))
            handler.handle(call)
        }
    }

    /// The caller's deadline on the server's clock.
    private func serverDeadline(_ server: SimulatedLinks) -> BootInstant? {
        request.deadline.map { deadline in
            let rest = deadline.since(channel.links.clock.bootTime())
            return server.clock.bootTime().advanced(by: rest)
        }
    }

    func succeed(_ token: CallToken, _ message: ByteBuffer, _ trailers: CallMetadata) {
        answer(.success(UnaryReply(message: message, trailers: trailers)))
    }

    func fail(_ token: CallToken, _ status: RPCStatus) { answer(.failure(status)) }

    func isLive(_ token: CallToken) -> Bool { state.withLock { $0.outcome == nil && !$0.isAnswered } }

    private func answer(_ outcome: Outcome) {
        let server = state.withLock { state -> SimulatedLinks? in
            guard !state.isAnswered else { return nil }
            state.isAnswered = true
            return state.server
        }
        guard let server, !server.isDead else { return }
        server.leave(self)
        if network.isCut(from: server.machine, to: channel.links.machine) {
            return fail(at: scheduler.now + Self.silence, "\(channel.endpoint): timed out")
        }
        if network.losesCall() { return fail(at: channel.replyArrival(), "the connection was lost") }
        reply(outcome)
    }

    private func reply(_ outcome: Outcome) {
        scheduler.schedule(at: channel.replyArrival()) { [self] in finish(outcome) }
    }

    /// One of the two machines is gone.
    func connectionLost(by dead: SimulatedLinks) {
        guard dead !== channel.links else {
            // The caller is gone: its task unwinds. The server sees a call that is no longer live.
            return finish(.failure(RPCStatus(.unavailable, "the caller is gone")))
        }
        channel.leave(self)
        fail(at: channel.replyArrival(), "\(channel.endpoint): connection reset")
    }
}

/// Takes the answer to a request that nobody waits for.
private final class UnheardResponder: CallResponder {
    private let isAnswered = Mutex(false)

    func succeed(_ token: CallToken, _ message: ByteBuffer, _ trailers: CallMetadata) {
        isAnswered.withLock { $0 = true }
    }

    func fail(_ token: CallToken, _ status: RPCStatus) { isAnswered.withLock { $0 = true } }

    func isLive(_ token: CallToken) -> Bool { isAnswered.withLock { !$0 } }
}
