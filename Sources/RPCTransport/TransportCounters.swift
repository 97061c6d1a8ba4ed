// What a listener has seen, for the metrics page.

import NodeEnvironment
import Synchronization

/// Counts since the listener began. A snapshot: the fields are read one after the other.
package struct TransportCounters: Hashable, Sendable {
    package var connectionsAccepted: UInt64 = 0
    package var connectionsClosed: UInt64 = 0
    /// Closed because of the limit on connections, or of one client's share of them.
    package var connectionsRefused: UInt64 = 0
    /// Closed to make room: they had not introduced themselves, or the handler refuses them.
    package var connectionsEvicted: UInt64 = 0
    /// Closed because a list came that names the peer's certificate.
    package var connectionsRevoked: UInt64 = 0
    /// Times that accepting paused, because the system had no descriptor or memory left.
    package var acceptPauses: UInt64 = 0
    /// TLS handshakes that failed or took too long.
    package var handshakesFailed: UInt64 = 0
    /// Connections that broke HTTP/2's rules.
    package var protocolErrors: UInt64 = 0
    /// Calls that were handed to the handler.
    package var calls: UInt64 = 0
    /// Calls that ended with another status than OK; `callsExpired` are not among them.
    package var callsFailed: UInt64 = 0
    package var callsExpired: UInt64 = 0
    /// Those of them whose deadline had passed before they were begun.
    package var callsDropped: UInt64 = 0
    /// Calls whose caller went away before the answer.
    package var callsCancelled: UInt64 = 0
    /// Calls that never reached the handler: unknown method, too large, malformed, over a limit.
    package var callsRefused: UInt64 = 0
    /// Requests whose bytes did not arrive in time; they are among `callsRefused`.
    package var requestsTimedOut: UInt64 = 0
    /// Connections that ended because nothing was heard, because nothing was taken, because no frame was ever whole.
    package var connectionsSilent: UInt64 = 0
    package var connectionsStalled: UInt64 = 0
    package var connectionsTrickling: UInt64 = 0
    /// Connections that were told to go because of their age or for want of calls.
    package var connectionsRetired: UInt64 = 0
    /// Connections that ended because of floods; they are among `protocolErrors`.
    package var connectionsFlooding: UInt64 = 0
    package var bytesReceived: UInt64 = 0
    package var bytesSent: UInt64 = 0

    package init() {}

    package static func += (total: inout Self, part: Self) {
        total.connectionsAccepted &+= part.connectionsAccepted
        total.connectionsClosed &+= part.connectionsClosed
        total.connectionsRefused &+= part.connectionsRefused
        total.connectionsEvicted &+= part.connectionsEvicted
        total.connectionsRevoked &+= part.connectionsRevoked
        total.acceptPauses &+= part.acceptPauses
        total.handshakesFailed &+= part.handshakesFailed
        total.protocolErrors &+= part.protocolErrors
        total.calls &+= part.calls
        total.callsFailed &+= part.callsFailed
        total.callsExpired &+= part.callsExpired
        total.callsDropped &+= part.callsDropped
        total.callsCancelled &+= part.callsCancelled
        total.callsRefused &+= part.callsRefused
        total.requestsTimedOut &+= part.requestsTimedOut
        total.connectionsSilent &+= part.connectionsSilent
        total.connectionsStalled &+= part.connectionsStalled
        total.connectionsTrickling &+= part.connectionsTrickling
        total.connectionsRetired &+= part.connectionsRetired
        total.connectionsFlooding &+= part.connectionsFlooding
        total.bytesReceived &+= part.bytesReceived
        total.bytesSent &+= part.bytesSent
    }
}

extension TransportCounters {
    /// By the names of the metrics page.
    var counts: [LinkCount] {
        [
            LinkCount("connections_accepted", connectionsAccepted), LinkCount("connections_closed", connectionsClosed),
            LinkCount("connections_refused", connectionsRefused),
            LinkCount("connections_evicted", connectionsEvicted),
            LinkCount("connections_revoked", connectionsRevoked), LinkCount("accept_pauses", acceptPauses),
            LinkCount("handshakes_failed", handshakesFailed),
            LinkCount("protocol_errors", protocolErrors), LinkCount("calls", calls),
            LinkCount("calls_failed", callsFailed), LinkCount("calls_expired", callsExpired),
            LinkCount("calls_dropped", callsDropped),
            LinkCount("calls_cancelled", callsCancelled), LinkCount("calls_refused", callsRefused),
            LinkCount("requests_timed_out", requestsTimedOut), LinkCount("connections_silent", connectionsSilent),
            LinkCount("connections_stalled", connectionsStalled),
            LinkCount("connections_trickling", connectionsTrickling),
            LinkCount("connections_retired", connectionsRetired),
            LinkCount("connections_flooding", connectionsFlooding), LinkCount("received_bytes", bytesReceived),
            LinkCount("sent_bytes", bytesSent),
        ]
    }
}

/// The counts of one loop: written by its loop only, readable from any thread. A connection collects plain numbers and
/// adds them once a tick.
final class CounterCell: Sendable {
    private let total = Mutex(TransportCounters())

    /// Adds and empties `counts`.
    func add(_ counts: inout TransportCounters) {
        total.withLock { [counts] in $0 += counts }
        counts = TransportCounters()
    }

    var snapshot: TransportCounters { total.withLock { $0 } }
}
