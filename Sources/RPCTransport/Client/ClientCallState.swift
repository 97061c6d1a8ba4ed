// One call on the caller's side: a pure state machine.

import GRPCFraming
import HTTP2Engine
import NIOCore
import NodeEnvironment

/// What arrived of an answer. Each event gives the outcome once it is known.
struct ClientCallState {
    typealias Outcome = Result<UnaryReply, RPCStatus>

    private var head = ResponseHead()
    private var decoder: MessageDecoder
    private var message = ByteBuffer()
    private var hasMessage = false
    private var hasHead = false

    init(maxMessageBytes: Int) { decoder = MessageDecoder(limit: maxMessageBytes) }

    mutating func onHeader(_ name: Span<UInt8>, _ value: Span<UInt8>) { head.onHeader(name, value) }

    mutating func onHeadersEnd(isTruncated: Bool) -> Outcome? {
        if isTruncated { return .failure(RPCStatus(.resourceExhausted, "the answer's header list is too long")) }
        defer { hasHead = true }
        guard !hasHead, let failure = head.protocolFailure else { return nil }
        return .failure(failure)
    }

    mutating func onData(_ bytes: Span<UInt8>) -> Outcome? {
        var offset = 0
        do throws(FramingError) {
            while offset < bytes.count {
                guard !hasMessage else {
                    return .failure(RPCStatus(.internal, "more than one message in a unary answer"))
                }
                hasMessage = try decoder.decode(bytes, from: &offset, into: &message)
            }
            return nil
        } catch {
            return .failure(error.status)
        }
    }

    mutating func onEnd() -> Outcome {
        if let failure = head.failure { return .failure(failure) }
        guard hasMessage else { return .failure(RPCStatus(.internal, "the answer has no whole message")) }
        return .success(UnaryReply(message: message, trailers: head.metadata))
    }

    /// The stream closed before the answer's end.
    func onClosed(_ code: HTTP2ErrorCode) -> RPCStatus {
        // A server may reset with NO_ERROR after its whole answer; without one it is a fault.
        RPCStatus(StatusMapping.code(forHTTP2Error: code.rawValue), "the stream was closed: \(code)")
    }
}
