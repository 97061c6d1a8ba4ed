// One unary call on the caller's side: a pure state machine.

import GRPCFraming
import NIOCore
import NodeEnvironment

/// What arrived of a unary call's answer. Events before the end give a failure that makes the rest worthless.
struct ClientCallState {
    typealias Outcome = Result<UnaryReply, RPCStatus>

    private var head = ResponseHead()
    private var decoder: MessageDecoder
    private var message = ByteBuffer()
    private var hasMessage = false
    private var hasHead = false

    init(maxMessageBytes: Int) { decoder = MessageDecoder(limit: maxMessageBytes) }

    mutating func onHeader(_ name: Span<UInt8>, _ value: Span<UInt8>) { head.onHeader(name, value) }

    mutating func onHeadersEnd(isTruncated: Bool) -> RPCStatus? {
        if isTruncated { return RPCStatus(.resourceExhausted, "the answer's header list is too long") }
        defer { hasHead = true }
        return hasHead ? nil : head.protocolFailure
    }

    mutating func onData(_ bytes: Span<UInt8>) -> RPCStatus? {
        var offset = 0
        do throws(FramingError) {
            while offset < bytes.count {
                guard !hasMessage else {
                    return RPCStatus(.internal, "more than one message in a unary answer")
                }
                hasMessage = try decoder.decode(bytes, from: &offset, into: &message)
            }
            return nil
        } catch {
            return error.status
        }
    }

    mutating func onEnd() -> Outcome {
        if let failure = head.failure { return .failure(failure) }
        guard hasMessage else { return .failure(RPCStatus(.internal, "the answer has no whole message")) }
        return .success(UnaryReply(message: message, trailers: head.metadata))
    }
}
