// A call that somebody waits for.

import ClusterModel
import GRPCFraming
import HTTP2Engine
import NIOCore
import NodeEnvironment

/// What a call sends.
struct ClientRequest: Sendable {
    let path: String
    let message: ByteBuffer
    let metadata: CallMetadata
    let deadline: BootInstant?

    /// The headers in the order that HTTP/2 and gRPC want: pseudo-headers, timeout, the rest.
    func headers(authority: [UInt8], isSecure: Bool, now: BootInstant) -> HTTP2HeaderBlock {
        var block = HTTP2HeaderBlock()
        block.append(":method", "POST")
        block.append(":scheme", isSecure ? "https" : "http")
        block.append(":path", Array(path.utf8))
        block.append(":authority", authority)
        block.append("te", "trailers")
        if let deadline {
            block.append("grpc-timeout", CallTimeout.format(nanoseconds: deadline.since(now).signedNanoseconds))
        }
        block.append("content-type", "application/grpc")
        block.append("user-agent", "meridian")
        metadata.forEachEncoded { name, value in block.append(name, value) }
        return block
    }

    var body: HTTP2Body {
        let prefix = MessagePrefix(length: message.readableBytes)
        return HTTP2Body(prefix: prefix.bits, prefixCount: MessagePrefix.byteCount, message)
    }
}

/// Names a call of a channel.
struct ClientCallID: Hashable, Sendable {
    let rawValue: UInt64
}

/// A call under way, on its channel's loop. Its waiter is resumed exactly once.
final class ClientCall {
    typealias Waiter = CheckedContinuation<ClientCallState.Outcome, Never>

    let id: ClientCallID
    let request: ClientRequest
    var state: ClientCallState
    /// Where it runs, once it was sent.
    var connection: ClientConnection?
    var stream: HTTP2StreamKey?
    /// A call that the peer refused unseen is sent a second time, not a third.
    var wasRefused = false
    private var waiter: Waiter?

    init(id: ClientCallID, request: ClientRequest, waiter: Waiter, maxMessageBytes: Int) {
        self.id = id
        self.request = request
        self.waiter = waiter
        state = ClientCallState(maxMessageBytes: maxMessageBytes)
    }

    /// Forgets what arrived, for another attempt.
    func restart(maxMessageBytes: Int) {
        state = ClientCallState(maxMessageBytes: maxMessageBytes)
        connection = nil
        stream = nil
    }

    func finish(_ outcome: ClientCallState.Outcome) {
        waiter?.resume(returning: outcome)
        waiter = nil
    }
}
