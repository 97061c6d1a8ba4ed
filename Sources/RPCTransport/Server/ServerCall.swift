// One call on the server's side: a pure state machine. Events in, a directive out.

import ClusterModel
import GRPCFraming
import NIOCore

/// A call in a place of its connection. The place and its buffers are used again.
struct ServerCall {
    enum Phase: Hashable {
        /// The place is free.
        case idle
        /// Headers are being read.
        case head
        /// The message is being read.
        case body(method: Int)
        /// The handler has it.
        case running
        /// A stream: the handler has it, messages come and go.
        case streaming
        /// Answered, expired or refused: what still arrives is ignored.
        case answered
    }

    /// What the connection does next.
    enum Directive: Hashable {
        case none
        case refuseHTTP(status: Int)
        case refuse(RPCStatus)
        /// The message is complete: over to the handler.
        case handOver(method: Int)
        /// A streaming method, by its own number: over to the handler before any message.
        case openStream(method: Int)
    }

    /// A buffer that grew beyond this is given back when its call ends.
    static let maxKeptBytes = 64 << 10

    private(set) var phase = Phase.idle
    private(set) var generation: UInt32 = 0
    private(set) var head = RequestHead()
    private(set) var message = ByteBuffer()
    /// From the caller's timeout.
    var deadline: BootInstant?
    /// When the connection gives up waiting for the handler.
    var expiry: BootInstant?
    private(set) var unsentBytes = 0
    /// While the phase is `streaming`.
    var stream: StreamBody?
    private var decoder: MessageDecoder
    private var hasMessage = false
    private var unfinishedSteps = 0

    init(maxMessageBytes: Int) { decoder = MessageDecoder(limit: maxMessageBytes) }

    /// Bytes that wait for the rest of their message.
    var bufferedBytes: Int { if case .body = phase { message.readableBytes } else { 0 } }

    /// Whether somebody waits for an answer until `expiry`.
    var isWatched: Bool { phase == .running || phase == .streaming }

    mutating func onOpened(generation: UInt32, maxMessageBytes: Int) {
        self.generation = generation
        phase = .head
        decoder = MessageDecoder(limit: maxMessageBytes)
        hasMessage = false
        unfinishedSteps = 0
        deadline = nil
        expiry = nil
        message.clear()
    }

    mutating func onHeader(_ name: Span<UInt8>, _ value: Span<UInt8>, methods: MethodTable) {
        // Trailers of a request mean nothing to gRPC.
        if phase == .head { head.onHeader(name, value, methods: methods) }
    }

    /// Methods from `firstStreaming` on are streaming ones.
    mutating func onHeadersEnd(isTruncated: Bool, firstStreaming: Int = .max) -> Directive {
        guard phase == .head else { return .none }
        switch head.verdict(isTruncated: isTruncated) {
        case .accept(let method) where method >= firstStreaming:
            phase = .streaming
            return .openStream(method: method - firstStreaming)
        case .accept(let method):
            decoder.encoding = head.encoding
            phase = .body(method: method)
            return .none
        case .refuseHTTP(let status): return .refuseHTTP(status: status)
        case .refuse(let status): return .refuse(status)
        }
    }

    mutating func onData(_ bytes: Span<UInt8>) -> Directive {
        guard case .body = phase else { return .none }
        var offset = 0
        do throws(FramingError) {
            while offset < bytes.count {
                guard !hasMessage else { return .refuse(RPCStatus(.internal, "more than one message in a unary call")) }
                hasMessage = try decoder.decode(bytes, from: &offset, into: &message)
                guard hasMessage, decoder.isCompressed else { continue }
                message = try MessageInflater(limit: decoder.limit).inflate(message, head.encoding)
            }
            return .none
        } catch {
            return .refuse(error.status)
        }
    }

    mutating func onEnd() -> Directive {
        guard case .body(let method) = phase else { return .none }
        guard hasMessage else {
            return .refuse(
                RPCStatus(.internal, decoder.isInsideMessage ? "the message is cut short" : "a call without a message"))
        }
        phase = .running
        return .handOver(method: method)
    }

    /// `unsentBytes` is what the answer holds until its stream closes.
    mutating func onAnswered(unsentBytes: Int) {
        phase = .answered
        self.unsentBytes = unsentBytes
    }

    /// A step of the connection's watch. For how many of them the request has been incomplete.
    mutating func onStep() -> Int {
        switch phase {
        case .head, .body:
            unfinishedSteps += 1
            return unfinishedSteps
        case .idle, .running, .streaming, .answered: return 0
        }
    }

    mutating func onClosed() {
        phase = .idle
        unsentBytes = 0
        stream = nil
        head = RequestHead()
        if message.capacity > Self.maxKeptBytes { message = ByteBuffer() }
    }
}
