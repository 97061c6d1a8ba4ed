// A streaming call of a channel: between HTTP/2 events and the message stream of its caller.

import GRPCFraming
import HTTP2Engine
import NodeEnvironment

/// Messages both ways. On its channel's loop.
final class StreamingClientCall: ClientCall {
    let id: ClientCallID
    let head: ClientCallHead
    var connection: ClientConnection?
    var stream: HTTP2StreamKey?
    var wasRefused = false
    private let body: StreamBody
    private var answer = ResponseHead()
    private var hasHead = false
    private let onOver: () -> Void

    var grantsAtOnce: Bool { false }
    var unreadBytes: Int { body.unreadBytes }
    var hasSentAll: Bool { body.isEnded }
    /// Whether the caller gave it up before it was sent.
    var isGivenUp: Bool { !body.messages.isLive }

    /// `onOver` runs once, when the call has ended.
    init(id: ClientCallID, head: ClientCallHead, messages: MessageStream, onOver: @escaping () -> Void) {
        self.id = id
        self.head = head
        self.onOver = onOver
        body = StreamBody(messages, role: .client)
    }

    func submit(_ headers: HTTP2HeaderBlock, to session: HTTP2Session) -> HTTP2StreamKey? {
        // What was announced before the call had a connection is found by the source.
        _ = body.messages.takeWork()
        return session.submitRequest(headers, source: body)
    }

    func takeWork() -> StreamWork {
        let work = body.messages.takeWork()
        body.unreadBytes -= work.credit
        return work
    }

    func onHeader(_ name: Span<UInt8>, _ value: Span<UInt8>) { answer.onHeader(name, value) }

    func onHeadersEnd(isTruncated: Bool) -> RPCStatus? {
        if isTruncated { return RPCStatus(.resourceExhausted, "the answer's header list is too long") }
        guard !hasHead else { return nil }
        hasHead = true
        if let failure = answer.protocolFailure { return failure }
        body.messages.onEncodings(received: answer.encoding ?? .identity, accepted: head.encoding ?? .identity)
        body.messages.onHead(answer.takeHeadMetadata())
        return nil
    }

    func onData(_ bytes: Span<UInt8>) -> RPCStatus? {
        body.unreadBytes += bytes.count
        body.messages.onBytes(bytes)
        return nil
    }

    /// Only what nobody has read a byte of can be sent again.
    func restart(limits: TransportLimits) -> Bool { !body.isRead && !hasHead }

    func complete() {
        body.messages.onAnswered(failure: answer.failure, trailers: answer.metadata)
        onOver()
    }

    func finish(_ failure: RPCStatus) {
        body.messages.onClosed(failure: failure)
        onOver()
    }
}
