// What a connection keeps of a streaming call, on either side.

import GRPCFraming
import HTTP2Engine
import NodeEnvironment

/// The body of a stream, given to HTTP/2 as the peer's windows allow. On the loop of its connection.
final class StreamBody: HTTP2BodySource {
    let messages: MessageStream
    private let role: HTTP2Role
    /// Whether the headers were handed to HTTP/2: a server's may wait.
    var isBegun: Bool
    /// Whether HTTP/2 has asked for anything with success.
    private(set) var isRead = false
    /// Whether the last bytes and the end were handed to HTTP/2.
    private(set) var isEnded = false
    /// Whether that end was a failure.
    private(set) var hasFailed = false
    /// Bytes that arrived and were not taken yet.
    var unreadBytes = 0
    /// Bytes of a message that is not whole yet.
    var assembledBytes = 0

    init(_ messages: MessageStream, role: HTTP2Role) {
        self.messages = messages
        self.role = role
        isBegun = role == .client
    }

    func read(into target: UnsafeMutableRawBufferPointer) -> HTTP2BodyPiece {
        let (count, ending) = unsafe messages.readOutput(into: target)
        if count > 0 || ending != nil { isRead = true }
        guard let ending else { return HTTP2BodyPiece(count: count) }
        isEnded = true
        if case .failure = ending { hasFailed = true }
        guard role == .server else { return HTTP2BodyPiece(count: count, end: .end) }
        return HTTP2BodyPiece(count: count, end: .trailers(AnswerBlocks.trailers(of: ending)))
    }

    /// Ended without a body.
    func markFailed() {
        isEnded = true
        hasFailed = true
    }
}
