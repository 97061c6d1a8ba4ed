// What one HTTP/2 connection may ask of us.

/// Limits of a session. The defaults suit unary calls of a few kilobytes and, now and then, of some megabytes.
package struct HTTP2Limits: Hashable, Sendable {
    /// Streams that the peer may have open; more are refused.
    package var maxConcurrentStreams: UInt32 = 256
    /// Streams that this side may have open or waiting for the peer's limit.
    package var maxOwnStreams = 1_024
    /// Bytes of a body that a peer may send ahead of `consume`, a stream.
    package var streamWindow: Int32 = 1 << 20
    /// The same for the whole connection.
    package var connectionWindow: Int32 = 4 << 20
    /// Names, values and 32 bytes a header (RFC 9113 section 6.5.2), a block.
    package var maxHeaderListBytes = 16 << 10
    /// SETTINGS and PING that wait for our acknowledgement (floods).
    package var maxUnsentAcknowledgements = 128
    /// Settings in one frame.
    package var maxSettings = 32
    /// CONTINUATION frames after one HEADERS frame.
    package var maxContinuations = 8
    /// RST_STREAM that a client may send at once, and a second in the long run (CVE-2023-44487), whether or not it waited
    /// before it gave up: the library's own limit. Rapid resets are counted with the control frames, long before it.
    package var resetBurst: UInt64 = 20_000
    package var resetsPerSecond: UInt64 = 10_000

    package init() {}

    /// The library is told of taken bytes in steps of this many: it grants a window again by halves, so that an eighth
    /// held back delays nothing, and a small call costs no look-up.
    func consumedStep(of window: Int32) -> Int { min(64 << 10, max(1, Int(window) / 8)) }
}

/// Which side of a connection a session is.
package enum HTTP2Role: Hashable, Sendable {
    case client
    case server
}

/// Why a session cannot go on. What must be sent before the close (GOAWAY) is ready in `send`.
package enum HTTP2SessionError: Error, Hashable, Sendable {
    /// The peer does not speak HTTP/2.
    case badPreface
    /// More acknowledgements to queue, more CONTINUATION or more control frames than the limit.
    case flooded
    case outOfMemory
    /// Another failure of the library, by its code.
    case library(code: Int32)
}
