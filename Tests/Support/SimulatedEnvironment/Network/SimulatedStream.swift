// One streaming call through the simulated network: pieces of bytes both ways, under windows of their own.

import ClusterModel
import GRPCFraming
import NIOCore
import NodeEnvironment
import Synchronization

/// The two ends of a stream and what travels between them. Pieces arrive in the order in which they were sent, each way;
/// a side sends no more than the other's reader granted. A lost message is a lost connection: both ends hear of it.
final class SimulatedStream: SimulatedExchange, StreamLink {
    struct Request: Sendable {
        let path: String
        let metadata: CallMetadata
        let deadline: BootInstant?
        let encoding: MessageEncoding
    }

    private enum Side {
        case caller
        case server
    }

    /// What travels one way.
    private struct Way {
        /// Bytes that may be sent before the other side grants more.
        var window = SimulatedStream.window
        var isEndSent = false
        /// A server's first block, which goes ahead of its messages.
        var isBegun = false
        var isReadScheduled = false
    }

    private struct State {
        var up = Way(isBegun: true)
        var down = Way()
        var serving: (messages: MessageStream, owner: SimulatedLinks)?
        var isOver = false
    }

    static let window = 64 << 10
    private static let sendLimit = 16 << 10
    private static let maxMessageBytes = 8 << 20
    private static let maxPieceBytes = 16 << 10
    /// A call that nothing answers, across a cut, fails after this long.
    private static let silence: UInt64 = 20_000_000_000

    let number: UInt64
    private let channel: SimulatedChannel
    private let request: Request
    private let state = Mutex(State())
    /// Made once; the caller's end refers back to its link.
    private let callerEnd = Mutex<MessageStream?>(nil)

    private var network: SimulatedNetwork { channel.links.network }
    private var scheduler: SimulationScheduler { network.scheduler }

    init(channel: SimulatedChannel, request: Request) {
        self.channel = channel
        self.request = request
        number = channel.links.network.scheduler.makeQueueNumber()
    }

    /// Sends the call's head; everything else follows as the caller speaks.
    func start() -> MessageStream {
        let messages = MessageStream(
            number: number, link: self, maxReceivedBytes: Self.maxMessageBytes, window: Self.window,
            sendLimit: Self.sendLimit, endsWithTask: true)
        messages.onEncodings(received: .gzip, accepted: request.encoding)
        callerEnd.withLock { $0 = messages }
        channel.enter(self)
        if let deadline = request.deadline {
            scheduler.schedule(at: channel.links.clock.simulationTime(of: deadline)) { [self] in
                end(.caller, RPCStatus(.deadlineExceeded, "the deadline passed"))
            }
        }
        travel(from: .caller) { [self] in arrive() }
        return messages
    }

    // MARK: Beginning

    private func arrive() {
        guard let service = network.service(at: channel.endpoint), !service.owner.isDead else {
            return refuse(RPCStatus(.unavailable, "\(channel.endpoint): connection refused"))
        }
        guard case .calls(let handler, let security) = service.kind,
            let peer = SimulatedHandshake.peer(
                of: channel.security, at: security, address: channel.links.machine)
        else { return refuse(RPCStatus(.unavailable, "\(channel.endpoint): the handshake failed")) }
        guard let method = handler.streamingMethods.firstIndex(of: request.path) else {
            return refuse(RPCStatus(.unimplemented, "no streaming method \(request.path)"))
        }
        let messages = MessageStream(
            number: number, link: self, maxReceivedBytes: Self.maxMessageBytes, window: Self.window,
            sendLimit: Self.sendLimit, endsWithTask: false)
        messages.onEncodings(received: request.encoding, accepted: .gzip)
        let isOver = state.withLock { state in
            if !state.isOver { state.serving = (messages, service.owner) }
            return state.isOver
        }
        guard !isOver else { return }
        service.owner.enter(self)
        let loop = channel.loop(of: service)
        let deadline = serverDeadline(service.owner)
        watchDeadline(deadline, service.owner)
        loop.execute { [self] in
            handler.handle(
                StreamCall(
                    method: method, metadata: request.metadata, deadline: deadline, peer: peer, executor: loop,
                    stream: messages))
            pump(.caller)
        }
    }

    private func refuse(_ status: RPCStatus) { travel(from: .server) { [self] in end(.caller, status) } }

    /// The caller's deadline on the server's clock.
    private func serverDeadline(_ server: SimulatedLinks) -> BootInstant? {
        request.deadline.map { deadline in
            server.clock.bootTime().advanced(by: deadline.since(channel.links.clock.bootTime()))
        }
    }

    private func watchDeadline(_ deadline: BootInstant?, _ server: SimulatedLinks) {
        guard let deadline else { return }
        scheduler.schedule(at: server.clock.simulationTime(of: deadline)) { [self] in
            end(.server, RPCStatus(.deadlineExceeded, "the deadline passed"))
        }
    }

    // MARK: What an application did

    /// At the next step: an application speaks in the middle of its own work.
    func onWork(_ stream: MessageStream) {
        let side: Side = callerEnd.withLock { $0 === stream } ? .caller : .server
        scheduler.schedule(at: scheduler.now) { [self] in work(side) }
    }

    private func work(_ side: Side) {
        guard let messages = messages(of: side) else { return }
        let work = messages.takeWork()
        if work.credit > 0 {
            travel(from: side) { [self] in
                withWay(from: other(side)) { $0.window += work.credit }
                pump(other(side))
            }
        }
        if work.isCancelled {
            return end(.caller, RPCStatus(.cancelled, "the caller cancelled the call"))
        }
        if side == .server, let head = work.head, withWay(from: .server, { !$0.isBegun }) {
            withWay(from: .server) { $0.isBegun = true }
            travel(from: .server) { [self] in self.messages(of: .caller)?.onHead(head) }
        }
        pump(side)
    }

    /// Sends what the other side's window takes.
    private func pump(_ side: Side) {
        guard let messages = messages(of: side), state.withLock({ $0.serving != nil }) else { return }
        while true {
            let room = withWay(from: side) { $0.isEndSent ? 0 : min($0.window, Self.maxPieceBytes) }
            guard room > 0 || messages.exhaustedBy != nil else { return }
            var piece = ByteBuffer()
            var ending: StreamEnding?
            piece.writeWithUnsafeMutableBytes(minimumWritableBytes: max(1, room)) { target in
                let slice = UnsafeMutableRawBufferPointer(rebasing: target[..<room])
                let (count, end) = messages.readOutput(into: slice)
                ending = end
                return count
            }
            guard piece.readableBytes > 0 || ending != nil else { return }
            let isFirstEnd = withWay(from: side) { way in
                way.window -= piece.readableBytes
                defer { way.isEndSent = way.isEndSent || ending != nil }
                return ending != nil && !way.isEndSent
            }
            guard piece.readableBytes > 0 || isFirstEnd else { return }
            send(piece, ending, from: side)
            if ending != nil { return }
        }
    }

    private func send(_ piece: ByteBuffer, _ ending: StreamEnding?, from side: Side) {
        travel(from: side) { [self] in
            guard let messages = messages(of: other(side)) else { return }
            if piece.readableBytes > 0 { messages.onBytes(piece.readableBytesUInt8Span) }
            guard let ending else { return }
            switch (side, ending) {
            case (.caller, _): messages.onInputEnd()
            case (.server, .success(let trailers)): answer(nil, trailers, messages)
            case (.server, .failure(let status)): answer(status, CallMetadata(), messages)
            }
        }
    }

    private func answer(_ failure: RPCStatus?, _ trailers: CallMetadata, _ messages: MessageStream) {
        messages.onAnswered(failure: failure, trailers: trailers)
        finish()?.messages.onClosed(failure: nil)
    }

    // MARK: Ends

    /// One side hears that the call is over.
    private func end(_ side: Side, _ status: RPCStatus) {
        messages(of: side)?.onClosed(failure: status)
        switch side {
        case .caller:
            guard let server = finish() else { return }
            travelAlways(from: .caller, to: server.owner) {
                server.messages.onClosed(failure: RPCStatus(.cancelled, "the caller went away"))
            }
        case .server:
            travel(from: .server) { [self] in end(.caller, status) }
        }
    }

    /// Forgets the call on both machines; the server's end, where it is still to be told.
    @discardableResult
    private func finish() -> (messages: MessageStream, owner: SimulatedLinks)? {
        let serving = state.withLock { state in
            state.isOver = true
            return state.serving.take()
        }
        callerEnd.withLock { $0 = nil }
        channel.leave(self)
        serving?.owner.leave(self)
        return serving
    }

    func cancel(_ status: RPCStatus) { end(.caller, status) }

    /// One of the two machines is gone.
    func connectionLost(by dead: SimulatedLinks) {
        let caller = messages(of: .caller)
        let server = finish()
        let lost = RPCStatus(.unavailable, "\(channel.endpoint): connection reset")
        if dead === channel.links {
            caller?.onClosed(failure: RPCStatus(.unavailable, "the caller is gone"))
            travelAlways(from: .caller, to: server?.owner) {
                server?.messages.onClosed(failure: RPCStatus(.cancelled, "the caller went away"))
            }
        } else {
            server?.messages.onClosed(failure: RPCStatus(.cancelled, "the server is gone"))
            travelAlways(from: .server, to: dead) { caller?.onClosed(failure: lost) }
        }
    }

    // MARK: The way

    /// Runs `arrival` on the other side after the network's delay. A cut drops it, and the call fails after a silence; a
    /// lost connection ends the call on both sides.
    private func travel(from side: Side, _ arrival: @escaping @Sendable () -> Void) {
        guard state.withLock({ !$0.isOver }) else { return }
        let server =
            state.withLock { $0.serving?.owner.machine } ?? network.service(at: channel.endpoint)?.owner.machine
        let ends: (from: String?, to: String?) =
            side == .caller ? (channel.links.machine, server) : (server, channel.links.machine)
        if let from = ends.from, let to = ends.to, network.isCut(from: from, to: to) {
            scheduler.schedule(at: scheduler.now + Self.silence) { [self] in
                end(.caller, RPCStatus(.unavailable, "\(channel.endpoint): timed out"))
            }
            return
        }
        if network.losesCall() {
            scheduler.schedule(at: arrivalTime(side)) { [self] in
                end(.caller, RPCStatus(.unavailable, "the connection was lost"))
            }
            return
        }
        scheduler.schedule(at: arrivalTime(side), arrival)
    }

    /// The end of a call reaches the other side in any case: across a cut, its keepalive notices.
    private func travelAlways(from side: Side, to server: SimulatedLinks?, _ arrival: @escaping @Sendable () -> Void) {
        let isCut =
            server.map { server in
                side == .caller
                    ? network.isCut(from: channel.links.machine, to: server.machine)
                    : network.isCut(from: server.machine, to: channel.links.machine)
            } ?? false
        scheduler.schedule(at: isCut ? scheduler.now + Self.silence : arrivalTime(side), arrival)
    }

    private func arrivalTime(_ side: Side) -> UInt64 {
        side == .caller ? channel.requestArrival() : channel.replyArrival()
    }

    private func other(_ side: Side) -> Side { side == .caller ? .server : .caller }

    private func messages(of side: Side) -> MessageStream? {
        side == .caller ? callerEnd.withLock { $0 } : state.withLock { $0.serving?.messages }
    }

    @discardableResult
    private func withWay<Value: Sendable>(from side: Side, _ body: (inout Way) -> Value) -> Value {
        state.withLock { side == .caller ? body(&$0.up) : body(&$0.down) }
    }
}

/// What a simulated link keeps of its calls, of whatever kind.
protocol SimulatedExchange: AnyObject, Sendable {
    var number: UInt64 { get }

    /// The caller's channel was closed.
    func cancel(_ status: RPCStatus)

    /// One of the two machines is gone.
    func connectionLost(by dead: SimulatedLinks)
}
