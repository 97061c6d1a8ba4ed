// A call that somebody waits for, and what every kind of call has in common.

import ClusterModel
import GRPCFraming
import HTTP2Engine
import NIOCore
import NodeEnvironment

/// What stands before a call's messages.
struct ClientCallHead: Sendable {
    let path: String
    let metadata: CallMetadata
    let deadline: BootInstant?
    /// A stream's messages: what they may be compressed with. Nil for a unary call, whose answer is never compressed.
    var encoding: MessageEncoding?

    init(path: String, metadata: CallMetadata, deadline: BootInstant?) {
        self.path = path
        self.metadata = metadata
        self.deadline = deadline
    }

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
        if let encoding {
            block.append("grpc-accept-encoding", MessageEncoding.accepted)
            if encoding == .gzip { block.append("grpc-encoding", "gzip") }
        }
        metadata.forEachEncoded { name, value in block.append(name, value) }
        return block
    }
}

/// Names a call of a channel.
struct ClientCallID: Hashable, Sendable {
    let rawValue: UInt64
}

/// A call under way, on its channel's loop. It ends exactly once: by `complete` or by `finish`.
protocol ClientCall: AnyObject {
    var id: ClientCallID { get }
    var head: ClientCallHead { get }
    /// Where it runs, once it was sent.
    var connection: ClientConnection? { get set }
    var stream: HTTP2StreamKey? { get set }
    /// A call that the peer refused unseen is sent a second time, not a third.
    var wasRefused: Bool { get set }
    /// Whether bytes are granted to the peer as they arrive, and not as they are read.
    var grantsAtOnce: Bool { get }
    /// Bytes that arrived and were not read yet.
    var unreadBytes: Int { get }
    var hasSentAll: Bool { get }

    /// Sends the call; nil when the session takes no more.
    func submit(_ headers: HTTP2HeaderBlock, to session: HTTP2Session) -> HTTP2StreamKey?

    // What arrived of the answer. A failure makes the rest worthless.
    func onHeader(_ name: Span<UInt8>, _ value: Span<UInt8>)
    func onHeadersEnd(isTruncated: Bool) -> RPCStatus?
    func onData(_ bytes: Span<UInt8>) -> RPCStatus?

    /// Forgets what arrived, for another attempt. False when it cannot be sent again.
    func restart(limits: TransportLimits) -> Bool

    /// The whole answer has arrived.
    func complete()

    /// The call ended otherwise.
    func finish(_ failure: RPCStatus)
}
