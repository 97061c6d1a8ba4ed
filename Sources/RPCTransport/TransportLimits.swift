// What one process grants to its callers, and what it asks of those it calls.

import GRPCFraming
package import HTTP2Engine

/// Limits of listeners and channels. Related limits: unfinished messages of one connection are bounded by
/// `maxBufferedBytes`, not by streams x message, since most messages are small.
package struct TransportLimits: Hashable, Sendable {
    package var http2 = HTTP2Limits()
    /// Bytes of one request that a listener takes.
    package var maxMessageBytes = MessageDecoder.defaultLimit
    /// Bytes of one answer, sent or received: larger, since nodes answer each other with whole batches.
    package var maxReplyBytes = 8 << 20
    /// Bytes of unfinished requests that one connection may leave with us; a call beyond is refused.
    package var maxBufferedBytes = 64 << 20
    /// Bytes of answers that a connection has not taken yet; calls beyond are refused.
    package var maxUnsentBytes = 64 << 20
    /// Bytes of one stream's messages that wait to be sent before its sender waits.
    package var maxQueuedStreamBytes = 256 << 10
    /// Bytes of streams that their readers have not taken, over all streams of a connection; beyond it the peer is granted
    /// no more on any of them.
    package var maxUnreadStreamBytes = 64 << 20
    /// Connections of one listener, where its handler allows no fewer.
    package var maxConnections = 10_000
    /// Of those, what one client may hold; nil for all of them.
    package var maxConnectionsOfOne: Int?
    /// Places beyond `maxConnections` for connections that have not introduced themselves; the oldest make room when they are
    /// taken too.
    package var maxWaitingConnections = 64
    /// Connections of one listener that serves pages.
    package var maxPageConnections = 64
    /// Until a connection has sent its HTTP/2 preface (and finished its TLS handshake), or a page request is whole.
    package var handshakeTimeout: Duration = .seconds(10)
    /// A call without a deadline is answered INTERNAL after this: somebody dropped it.
    package var maxCallDuration: Duration = .seconds(300)
    /// Calls of one channel, on the wire and waiting for a connection.
    package var maxCallsUnderWay = 1_024
    /// Until a socket is connected, and as long again until the peer has introduced itself on it.
    package var connectTimeout: Duration = .seconds(5)
    /// Pause after the first failed attempt to connect; each further one waits longer by `backoffFactor`.
    package var firstBackoff: Duration = .milliseconds(50)
    package var backoffFactor = 1.6
    package var maxBackoff: Duration = .seconds(2)
    /// A channel with calls under way that hears nothing for so long asks for a sign of life, and gives the connection
    /// up when it hears nothing for as long again.
    package var silenceBeforePing: Duration = .seconds(10)

    // MARK: Peers that do not do their part

    /// Control frames (PING, SETTINGS, RST_STREAM, empty DATA…) that a peer may send at once, and a second in the long run.
    package var controlFrameBurst = 1_000
    package var controlFramesPerSecond = 200
    /// How often a listener looks at each connection; what follows counts these steps.
    package var watchStep: Duration = .seconds(10)
    /// Steps without a byte before a sign of life is asked for, and how many more without an answer end the connection.
    package var silentStepsBeforePing = 3
    package var maxMissedPings = 2
    /// Steps in which answers wait and not one byte of them is taken.
    package var maxStalledSteps = 6
    /// Steps in which bytes arrive but no whole frame.
    package var maxTrickleSteps = 3
    /// Steps that a request may take to arrive.
    package var maxRequestSteps = 6
    /// A connection of this age (a tenth more or less) retires gracefully; nil lets it live.
    package var maxConnectionAge: Duration?
    /// Steps without a call after which a connection retires; nil lets it live.
    package var maxIdleSteps: Int?
    /// The same once a listener holds half of the connections that it may: who calls goes before who does not.
    package var maxIdleStepsInCrowd: Int? = 30
    /// Steps that a retired connection has for the calls under way.
    package var maxRetiredSteps = 6

    package init() {}
}
