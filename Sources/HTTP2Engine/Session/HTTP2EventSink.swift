// What a session tells its owner while it works on bytes.

/// Names a stream of a session: its place in the session's table and which use of that place it is, so that what is
/// late never reaches the next stream in the same place.
package struct HTTP2StreamKey: Hashable, Sendable {
    /// Below the session's limit on streams: fit as an index.
    package let place: Int32
    package let generation: UInt32

    package init(place: Int32, generation: UInt32) {
        self.place = place
        self.generation = generation
    }
}

/// An error code of RST_STREAM or GOAWAY (RFC 9113 section 7). Open: a peer may send any number.
package struct HTTP2ErrorCode: Hashable, Sendable, CustomStringConvertible {
    package let rawValue: UInt32

    package init(rawValue: UInt32) { self.rawValue = rawValue }

    package static let noError = HTTP2ErrorCode(rawValue: 0)
    package static let protocolError = HTTP2ErrorCode(rawValue: 1)
    package static let internalError = HTTP2ErrorCode(rawValue: 2)
    package static let refusedStream = HTTP2ErrorCode(rawValue: 7)
    package static let cancel = HTTP2ErrorCode(rawValue: 8)
    package static let enhanceYourCalm = HTTP2ErrorCode(rawValue: 11)

    package var description: String { "HTTP/2 error \(rawValue)" }
}

/// Takes a session's events, in the order of the wire, during `receive` and `send`. The methods may submit to the session
/// but must not call `receive`, `send` or `endStreams`. Spans are valid during the call only.
package protocol HTTP2EventSink: AnyObject {
    /// A peer opened a stream (server only).
    func onStreamOpened(_ stream: HTTP2StreamKey)

    /// One header of a request, an answer or a trailer. HTTP/2's own rules were checked.
    func onHeader(_ stream: HTTP2StreamKey, name: Span<UInt8>, value: Span<UInt8>)

    /// A block of headers is complete. `isTruncated`: it was longer than the limit and the rest was left out.
    func onHeadersEnd(_ stream: HTTP2StreamKey, isTruncated: Bool)

    /// A piece of the body. The peer may send as much again once the owner said `consume`.
    func onData(_ stream: HTTP2StreamKey, _ bytes: Span<UInt8>)

    /// The peer will send no more on this stream.
    func onEnd(_ stream: HTTP2StreamKey)

    /// The stream is gone; its key is void after the call.
    func onClosed(_ stream: HTTP2StreamKey, code: HTTP2ErrorCode)

    /// The peer takes no new streams. Those that it did not take close with `refusedStream`.
    func onGoAway(code: HTTP2ErrorCode)

    /// The peer answered a ping.
    func onPingAnswered()
}
