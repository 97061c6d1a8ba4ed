// The links of one start of a machine.

import ClusterModel
import GRPCFraming
import NIOCore
package import NodeEnvironment
import Synchronization

/// Listens and connects through the simulated network. Ends with its machine's start.
package final class SimulatedLinks: Links {
    private struct State {
        var isDead = false
        /// Calls that this machine made or serves, by number.
        var calls: [UInt64: any SimulatedExchange] = [:]
    }

    package let machine: String
    let network: SimulatedNetwork
    let clock: SimulatedClock
    private let loops: [SimulatedExecutor]
    private let state = Mutex(State())

    init(machine: String, loops: [SimulatedExecutor], network: SimulatedNetwork, clock: SimulatedClock) {
        self.machine = machine
        self.loops = loops
        self.network = network
        self.clock = clock
    }

    var isDead: Bool { state.withLock(\.isDead) }

    package func listen(
        on endpoint: Endpoint, security: LinkSecurity, handler: any CallHandler
    ) async throws(LinkError) -> any Listener {
        try checkAlive()
        return try network.register(.calls(handler, security), at: endpoint, owner: self)
    }

    package func servePages(
        on endpoint: Endpoint, handler: any PageHandler
    ) async throws(LinkError) -> any Listener {
        try checkAlive()
        return try network.register(.pages(handler), at: endpoint, owner: self)
    }

    package func channel(to endpoint: Endpoint, security: LinkSecurity) throws(LinkError) -> any CallChannel {
        try checkAlive()
        return SimulatedChannel(endpoint: endpoint, security: security, links: self)
    }

    private func checkAlive() throws(LinkError) {
        if isDead { throw LinkError(.io, "\(machine) is down") }
    }

    /// The loop that a new connection lands on.
    func someLoop() -> SimulatedExecutor {
        loops[Int(network.scheduler.random(below: UInt64(loops.count)))]
    }

    func enter(_ call: any SimulatedExchange) { state.withLock { $0.calls[call.number] = call } }

    func leave(_ call: any SimulatedExchange) { state.withLock { $0.calls[call.number] = nil } }

    /// Connections of a dead machine: its peers hear of it a moment later.
    func die() {
        let calls = state.withLock { state in
            defer { state = State(isDead: true) }
            return state.calls.sorted { $0.key < $1.key }.map(\.value)
        }
        for call in calls { call.connectionLost(by: self) }
    }
}

/// A channel whose messages arrive in the order in which they were sent, each way.
final class SimulatedChannel: CallChannel {
    private struct State {
        var isClosed = false
        /// The loop of the connection at the server, while one and the same start serves there.
        var serverLoop: (service: UInt64, loop: SimulatedExecutor)?
        var lastRequest: UInt64 = 0
        var lastReply: UInt64 = 0
        var calls: [UInt64: any SimulatedExchange] = [:]
    }

    let endpoint: Endpoint
    let security: LinkSecurity
    let links: SimulatedLinks
    private let state = Mutex(State())

    init(endpoint: Endpoint, security: LinkSecurity, links: SimulatedLinks) {
        self.endpoint = endpoint
        self.security = security
        self.links = links
    }

    func unary(
        path: String, message: ByteBuffer, metadata: CallMetadata, deadline: BootInstant?
    ) async throws(RPCStatus) -> UnaryReply {
        guard !state.withLock(\.isClosed), !links.isDead else {
            throw RPCStatus(.unavailable, "the channel is closed")
        }
        let call = SimulatedCall(
            channel: self, request: .init(path: path, message: message, metadata: metadata, deadline: deadline))
        let result = await withTaskCancellationHandler {
            await call.run()
        } onCancel: {
            call.cancel()
        }
        if case .success(let reply) = result {
            links.network.onCall(path, request: message.readableBytes, reply: reply.message.readableBytes)
        }
        return try result.get()
    }

    func stream(
        path: String, metadata: CallMetadata, deadline: BootInstant?, encoding: MessageEncoding
    ) throws(RPCStatus) -> ClientStream {
        guard !state.withLock(\.isClosed), !links.isDead else {
            throw RPCStatus(.unavailable, "the channel is closed")
        }
        let stream = SimulatedStream(
            channel: self, request: .init(path: path, metadata: metadata, deadline: deadline, encoding: encoding))
        return ClientStream(stream.start())
    }

    func close() async {
        let calls = state.withLock { state in
            state.isClosed = true
            return state.calls.sorted { $0.key < $1.key }.map(\.value)
        }
        for call in calls { call.cancel(RPCStatus(.unavailable, "the channel was closed")) }
    }

    func enter(_ call: any SimulatedExchange) {
        state.withLock { $0.calls[call.number] = call }
        links.enter(call)
    }

    func leave(_ call: any SimulatedExchange) {
        state.withLock { $0.calls[call.number] = nil }
        links.leave(call)
    }

    /// The machine that serves the endpoint now.
    private var serverMachine: String? { links.network.service(at: endpoint)?.owner.machine }

    /// When a request that is sent now arrives.
    func requestArrival() -> UInt64 {
        let way = links.network.delay(from: links.machine, to: serverMachine)
        let arrival = links.network.scheduler.now + way
        return state.withLock { state in
            state.lastRequest = max(arrival, state.lastRequest + 1)
            return state.lastRequest
        }
    }

    /// When a reply that is sent now arrives.
    func replyArrival() -> UInt64 {
        let way = serverMachine.map { links.network.delay(from: $0, to: links.machine) }
        let arrival = links.network.scheduler.now + (way ?? links.network.delay(from: links.machine, to: nil))
        return state.withLock { state in
            state.lastReply = max(arrival, state.lastReply + 1)
            return state.lastReply
        }
    }

    /// The loop that serves this connection.
    func loop(of service: SimulatedNetwork.Service) -> SimulatedExecutor {
        if let known = state.withLock(\.serverLoop), known.service == service.number { return known.loop }
        let loop = service.owner.someLoop()
        state.withLock { $0.serverLoop = (service.number, loop) }
        return loop
    }
}
