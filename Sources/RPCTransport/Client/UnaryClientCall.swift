// A unary call and the task that waits for its answer.

import GRPCFraming
import HTTP2Engine
import NIOCore
import NodeEnvironment

/// What a unary call sends.
struct ClientRequest: Sendable {
    let head: ClientCallHead
    let message: ByteBuffer

    var body: HTTP2Body {
        let prefix = MessagePrefix(length: message.readableBytes)
        return HTTP2Body(prefix: prefix.bits, prefixCount: MessagePrefix.byteCount, message)
    }
}

/// Its waiter is resumed exactly once.
final class UnaryClientCall: ClientCall {
    typealias Waiter = CheckedContinuation<ClientCallState.Outcome, Never>

    let id: ClientCallID
    var connection: ClientConnection?
    var stream: HTTP2StreamKey?
    var wasRefused = false
    private let request: ClientRequest
    private var state: ClientCallState
    private var waiter: Waiter?

    var head: ClientCallHead { request.head }
    var grantsAtOnce: Bool { true }
    var unreadBytes: Int { 0 }
    var hasSentAll: Bool { true }

    init(id: ClientCallID, request: ClientRequest, waiter: Waiter, maxMessageBytes: Int) {
        self.id = id
        self.request = request
        self.waiter = waiter
        state = ClientCallState(maxMessageBytes: maxMessageBytes)
    }

    func submit(_ headers: HTTP2HeaderBlock, to session: HTTP2Session) -> HTTP2StreamKey? {
        session.submitRequest(headers, body: request.body)
    }

    func onHeader(_ name: Span<UInt8>, _ value: Span<UInt8>) { state.onHeader(name, value) }

    func onHeadersEnd(isTruncated: Bool) -> RPCStatus? { state.onHeadersEnd(isTruncated: isTruncated) }

    func onData(_ bytes: Span<UInt8>) -> RPCStatus? { state.onData(bytes) }

    func restart(limits: TransportLimits) -> Bool {
        state = ClientCallState(maxMessageBytes: limits.maxReplyBytes)
        return true
    }

    func complete() { end(state.onEnd()) }

    func finish(_ failure: RPCStatus) { end(.failure(failure)) }

    private func end(_ outcome: ClientCallState.Outcome) {
        waiter?.resume(returning: outcome)
        waiter = nil
    }
}
