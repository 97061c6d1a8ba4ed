// A streaming call that arrived, and the way to speak in it.

package import ClusterModel
package import GRPCFraming
package import NIOCore

/// One call of a method declared streaming, at its server. Handed out before its first message. End it with `succeed` or
/// `fail` exactly once; a second ending is ignored. `StreamTasks` runs handlers that are written as async functions.
package struct StreamCall: Sendable {
    /// Index into `CallHandler.streamingMethods`.
    package private(set) var method: Int
    package let metadata: CallMetadata
    package let deadline: BootInstant?
    package let peer: PeerIdentity
    /// The loop of the connection. A task that runs on it reads and sends without a hop.
    package let executor: any NodeExecutor
    private let stream: MessageStream

    package init(
        method: Int, metadata: CallMetadata, deadline: BootInstant?, peer: PeerIdentity, executor: any NodeExecutor,
        stream: MessageStream
    ) {
        self.method = method
        self.metadata = metadata
        self.deadline = deadline
        self.peer = peer
        self.executor = executor
        self.stream = stream
    }

    /// The same call under another handler's numbers: for a handler that is made of handlers.
    package consuming func renumbered(to method: Int) -> StreamCall {
        self.method = method
        return self
    }

    /// The caller's next message; nil once it has sent all. The caller may send as much more as was taken: who does not
    /// read is not sent to. Throws CANCELLED or DEADLINE_EXCEEDED once the call is over, or what is wrong with the
    /// message. One reader at a time.
    package func next() async throws(RPCStatus) -> ByteBuffer? { try await stream.next() }

    /// Whether the message that `next` gave last came compressed.
    package var wasCompressed: Bool { stream.wasCompressed }

    /// The caller's messages as a sequence.
    package var messages: StreamMessages { StreamMessages(stream: stream) }

    /// Sends a message; returns once less than the transport's bound waits to be sent, which is the caller's pace. Throws
    /// once the call is over. `isCompressed`: as gzip, where the caller reads that. One sender at a time.
    package func send(_ message: ByteBuffer, isCompressed: Bool = false) async throws(RPCStatus) {
        _ = try await stream.send(message, isCompressed: isCompressed)
    }

    /// Sends metadata at once, before the first message. Without it the first message (or the end) sends an empty one.
    package func sendHead(_ metadata: CallMetadata) { stream.sendHead(metadata) }

    /// Ends the call with OK, after what was sent.
    package func succeed(trailers: CallMetadata = CallMetadata()) { stream.finish(.success(trailers: trailers)) }

    /// Ends the call with an error, after what was sent.
    package func fail(_ status: RPCStatus) {
        stream.finish(
            .failure(status.code == .ok ? RPCStatus(.internal, "a failure with the status OK") : status))
    }

    /// Whether the caller still waits.
    package var isLive: Bool { stream.isLive }

    /// Returns when the call is over, or the task is cancelled. One task at a time.
    package func untilEnded() async { await stream.untilEnded() }
}

/// Messages of a stream, in order. Iterate it once.
package struct StreamMessages: AsyncSequence, Sendable {
    package struct Iterator: AsyncIteratorProtocol {
        let stream: MessageStream

        package mutating func next() async throws(RPCStatus) -> ByteBuffer? { try await stream.next() }

        package mutating func next(
            isolation actor: isolated (any Actor)?
        ) async throws(RPCStatus) -> ByteBuffer? { try await stream.next() }
    }

    let stream: MessageStream

    package func makeAsyncIterator() -> Iterator { Iterator(stream: stream) }
}
