// A streaming call at its caller.

package import GRPCFraming
package import NIOCore

/// One call of any kind but unary. Read until `next` returns nil or throws; dropping the last reference cancels the call.
/// Cancelling a task that reads or sends cancels the call too. Safe to use from any task: one reader, one sender.
package final class ClientStream: Sendable {
    private let stream: MessageStream

    package init(_ stream: MessageStream) { self.stream = stream }

    deinit { stream.cancel() }

    /// Sends a message; returns once less than the transport's bound waits to be sent, which is the server's pace. False:
    /// the server has answered already and takes no more. Throws the call's failure. `isCompressed`: as gzip.
    @discardableResult
    package func send(_ message: ByteBuffer, isCompressed: Bool = false) async throws(RPCStatus) -> Bool {
        try await stream.send(message, isCompressed: isCompressed)
    }

    /// Everything is sent.
    package func finishSending() { stream.finish(.success(trailers: CallMetadata())) }

    /// What the server said before its first message.
    package func head() async throws(RPCStatus) -> CallMetadata { try await stream.receivedHead() }

    /// The server's next message; nil once the call ended with OK. Throws the status with which it ended otherwise. The
    /// server may send as much more as was taken.
    package func next() async throws(RPCStatus) -> ByteBuffer? { try await stream.next() }

    /// Whether the message that `next` gave last came compressed.
    package var wasCompressed: Bool { stream.wasCompressed }

    /// The server's messages as a sequence.
    package var messages: StreamMessages { StreamMessages(stream: stream) }

    /// What came with the end of the call.
    package var trailers: CallMetadata { stream.trailers }

    /// Gives the call up. Harmless after its end.
    package func cancel() { stream.cancel() }
}
