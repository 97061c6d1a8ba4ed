// A call that arrived, and the way to answer it.

package import ClusterModel
package import GRPCFraming
package import NIOCore

/// Serves calls. One handler serves a whole listener.
package protocol CallHandler: Sendable {
    /// Every method that is served, as `/package.Service/Method`. The transport answers UNIMPLEMENTED to any other
    /// path by itself, and passes the index into this list with a call. At most `Int16.max` entries, read once.
    var methods: [String] { get }

    /// Methods whose calls are streams of messages, on either side or both. Read once; together with `methods` at most
    /// `Int16.max`. None unless said otherwise.
    var streamingMethods: [String] { get }

    /// Connections that a listener may hold for this handler at once; nil leaves it to the transport. Read once.
    var maxConnections: Int? { get }

    /// What a connection of `peer` is: asked once it has introduced itself, on its loop; must not block.
    func standing(of peer: PeerIdentity) -> ConnectionStanding

    /// Called once per call, on the loop of the connection; must not block. The call is answered through `call`, now
    /// or later. A call dropped without an answer is a defect: the transport answers INTERNAL at its deadline.
    func handle(_ call: UnaryCall)

    /// The same for a method of `streamingMethods`, as soon as its headers are there. A call without a deadline lives until
    /// it is ended.
    func handle(_ call: StreamCall)
}

extension CallHandler {
    package var streamingMethods: [String] { [] }

    package var maxConnections: Int? { nil }

    package func standing(of peer: PeerIdentity) -> ConnectionStanding { .client }

    package func handle(_ call: StreamCall) { call.fail(RPCStatus(.unimplemented, "the method takes no streams")) }
}

/// One unary call. Answer it exactly once; a second answer is ignored.
package struct UnaryCall: Sendable {
    /// Index into `CallHandler.methods`.
    package private(set) var method: Int
    package let message: ByteBuffer
    package let metadata: CallMetadata
    package let deadline: BootInstant?
    /// Not before this did the call's last bytes reach the node: how long it may have waited to be read. Nil where the
    /// transport does not know.
    package let arrivedAt: BootInstant?
    package let peer: PeerIdentity
    /// The loop of the connection.
    package let executor: any NodeExecutor
    private let responder: any CallResponder
    private let token: CallToken

    package init(
        method: Int, message: ByteBuffer, metadata: CallMetadata, deadline: BootInstant?, peer: PeerIdentity,
        executor: any NodeExecutor, responder: any CallResponder, token: CallToken, arrivedAt: BootInstant? = nil
    ) {
        self.arrivedAt = arrivedAt
        self.method = method
        self.message = message
        self.metadata = metadata
        self.deadline = deadline
        self.peer = peer
        self.executor = executor
        self.responder = responder
        self.token = token
    }

    /// The same call under another handler's numbers: for a handler that is made of handlers.
    package consuming func renumbered(to method: Int) -> UnaryCall {
        self.method = method
        return self
    }

    /// Answers OK with one message. From any thread; on `executor` it costs no hop.
    package func succeed(_ message: ByteBuffer, trailers: CallMetadata = CallMetadata()) {
        responder.succeed(token, message, trailers)
    }

    /// Answers with an error. From any thread; on `executor` it costs no hop.
    package func fail(_ status: RPCStatus) { responder.fail(token, status) }

    /// Whether the caller still waits: false once the call was cancelled, timed out or answered, or its connection is
    /// gone. Only on `executor`.
    package var isLive: Bool { responder.isLive(token) }
}

/// Names a call inside its connection. The generation keeps a late answer from hitting the next call in a reused place.
package struct CallToken: Hashable, Sendable {
    package let stream: Int32
    package let generation: UInt32

    package init(stream: Int32, generation: UInt32) {
        self.stream = stream
        self.generation = generation
    }

    /// The token in one number, for those who name calls so.
    package init(_ number: UInt64) {
        stream = Int32(truncatingIfNeeded: number)
        generation = UInt32(truncatingIfNeeded: number >> 32)
    }

    package var number: UInt64 { UInt64(generation) << 32 | UInt64(UInt32(bitPattern: stream)) }
}

/// The transport's end of its calls.
package protocol CallResponder: AnyObject, Sendable {
    func succeed(_ token: CallToken, _ message: ByteBuffer, _ trailers: CallMetadata)
    func fail(_ token: CallToken, _ status: RPCStatus)
    func isLive(_ token: CallToken) -> Bool
}
