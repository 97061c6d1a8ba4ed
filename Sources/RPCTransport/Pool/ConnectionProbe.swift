// Waits for a connection without sending anything.

import ClusterModel
import GRPCFraming
import HTTP2Engine
import NodeEnvironment

/// A call that is over as soon as it could be sent: so that a pool learns whether an endpoint can be reached before it
/// hands a call over. Its waiter is resumed exactly once.
final class ConnectionProbe: ClientCall {
    typealias Waiter = CheckedContinuation<RPCStatus?, Never>

    let id: ClientCallID
    let head: ClientCallHead
    var connection: ClientConnection?
    var stream: HTTP2StreamKey?
    var wasRefused = false
    private var waiter: Waiter?

    var grantsAtOnce: Bool { true }
    var unreadBytes: Int { 0 }
    var hasSentAll: Bool { true }

    init(id: ClientCallID, deadline: BootInstant?, waiter: Waiter) {
        self.id = id
        head = ClientCallHead(path: "", metadata: CallMetadata(), deadline: deadline)
        self.waiter = waiter
    }

    // Never sent: the link completes it instead.
    func submit(_ headers: HTTP2HeaderBlock, to session: HTTP2Session) -> HTTP2StreamKey? { nil }

    func onHeader(_ name: Span<UInt8>, _ value: Span<UInt8>) {}

    func onHeadersEnd(isTruncated: Bool) -> RPCStatus? { nil }

    func onData(_ bytes: Span<UInt8>) -> RPCStatus? { nil }

    func restart(limits: TransportLimits) -> Bool { false }

    func complete() { end(nil) }

    func finish(_ failure: RPCStatus) { end(failure) }

    private func end(_ failure: RPCStatus?) {
        waiter?.resume(returning: failure)
        waiter = nil
    }
}
