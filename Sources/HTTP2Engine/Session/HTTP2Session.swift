// One HTTP/2 connection without its socket: bytes in, events and bytes out. nghttp2 does the protocol.

private import CNghttp2
package import NIOCore

/// A session over nghttp2. For one thread at a time. The owner feeds `receive`, empties `send` afterwards, and closes the
/// connection once `isFinished`.
@safe package final class HTTP2Session {
    /// Bytes that `send` hands out in one call, so that one connection does not hold a loop.
    package static let maxBytesASend = 256 << 10

    /// A stream that is reset so many steps after it was opened was no rapid reset.
    static let patientSteps: UInt32 = 2

    package let role: HTTP2Role
    package let limits: HTTP2Limits
    /// Whether this side found the connection at fault: it sends GOAWAY with an error.
    package private(set) var hasProtocolError = false

    /// Whether the peer has introduced itself: its SETTINGS are here.
    package private(set) var hasPeerSettings = false

    var streams: StreamTable
    /// Where events go; set during `receive` and `send` only, so that there is no cycle of references.
    var sink: (any HTTP2EventSink)?
    /// The stream of the last event: most come in runs.
    var recent: (id: Int32, index: Int) = (0, 0)
    /// Bytes of the header block that is being read, as RFC 9113 section 6.5.2 counts them.
    var headerBytes = 0
    /// Bytes that the owner took and the library has not been told of.
    private var unconsumed = 0
    var toll = FrameToll()
    /// The owner's clock in coarse steps: what it says when bytes arrive tells a stream that was waited for from one that
    /// was opened in order to be reset. An owner that never moves it takes every reset of a stream for a flood.
    package var step: UInt32 = 0
    var peerNumbers = PeerStreamNumbers()
    /// Whole frames and bytes of bodies since they were last asked for.
    var frameCount = 0
    var bodyBytesSent = 0
    private let native: NativeSession

    /// Fails when memory is short.
    package init(role: HTTP2Role, limits: HTTP2Limits = HTTP2Limits()) throws(HTTP2SessionError) {
        self.role = role
        self.limits = limits
        streams = StreamTable(limit: role == .server ? Int(limits.maxConcurrentStreams) * 2 : limits.maxOwnStreams)
        native = NativeSession()
        unsafe try native.open(role: role, limits: limits, context: Unmanaged.passUnretained(self).toOpaque())
        try native.submitSettings(role: role, limits: limits)
    }

    /// Streams that are open or wait to be.
    package var streamCount: Int { streams.count }

    /// Whether nothing is left to read or to write.
    package var isFinished: Bool { !native.wantsRead && !native.wantsWrite }

    /// Whether `send` has something.
    package var wantsWrite: Bool { native.wantsWrite }

    /// Takes bytes from the peer. After an error: `send` what is left, then close.
    package func receive(_ bytes: Span<UInt8>, sink: any HTTP2EventSink) throws(HTTP2SessionError) {
        self.sink = sink
        defer { self.sink = nil }
        let code = native.receive(bytes)
        guard code < 0 else { return }
        let error = HTTP2SessionError(code)
        hasProtocolError = true
        native.terminate(error == .flooded ? .enhanceYourCalm : .protocolError)
        throw error
    }

    /// Appends bytes for the peer to `output`, a little more than `maxBytesASend` at most. Call again while `wantsWrite`
    /// and the connection takes more.
    package func send(into output: inout ByteBuffer, sink: any HTTP2EventSink) throws(HTTP2SessionError) {
        self.sink = sink
        defer { self.sink = nil }
        let start = output.writerIndex
        while output.writerIndex - start < Self.maxBytesASend {
            let count = native.send(into: &output)
            guard count >= 0 else { throw HTTP2SessionError(Int32(clamping: count)) }
            if count == 0 { return }
        }
    }

    /// Tells the peer that no new streams are taken; those under way go on.
    package func submitGoAway(_ code: HTTP2ErrorCode = .noError) { native.submitGoAway(code) }

    /// Tells the peer that a `submitGoAway` follows, without refusing any stream yet (server).
    package func submitShutdownNotice() { native.submitShutdownNotice() }

    /// Control frames since the last time: what a flood consists of.
    package func takeControlCost() -> Int { toll.take() }

    /// Whole frames that arrived since the last time.
    package func takeFrameCount() -> Int {
        defer { frameCount = 0 }
        return frameCount
    }

    /// Bytes of bodies that were sent since the last time.
    package func takeBodyBytesSent() -> Int {
        defer { bodyBytesSent = 0 }
        return bodyBytesSent
    }

    /// Sends GOAWAY and ends: nothing more is read.
    package func terminate(_ code: HTTP2ErrorCode) { native.terminate(code) }

    /// Asks the peer for a sign of life. Its answer is `onPingAnswered`.
    package func submitPing() { native.submitPing() }

    /// Closes every stream that is still there: the connection is gone.
    package func endStreams(code: HTTP2ErrorCode, sink: any HTTP2EventSink) {
        for index in streams.entries.indices where streams.entries[index].id != 0 {
            sink.onClosed(streams.key(at: index), code: code)
            // The sink must not touch the session here, so the entry is still the same.
            streams.close(index)
        }
    }
}

// MARK: Streams

extension HTTP2Session {
    /// Opens a stream with a request (client). Nil when the session has too many streams, or takes no more.
    package func submitRequest(_ headers: HTTP2HeaderBlock, body: HTTP2Body) -> HTTP2StreamKey? {
        open(headers) { $0.body = body }
    }

    /// The same with a body that `source` gives piece by piece.
    package func submitRequest(_ headers: HTTP2HeaderBlock, source: any HTTP2BodySource) -> HTTP2StreamKey? {
        open(headers) { $0.source = source }
    }

    private func open(_ headers: HTTP2HeaderBlock, with fill: (inout StreamTable.Entry) -> Void) -> HTTP2StreamKey? {
        guard role == .client, let key = streams.open() else { return nil }
        let index = Int(key.place)
        streams.update(index, fill)
        let id = native.submitRequest(headers, place: index)
        guard id > 0 else {
            streams.close(index)
            return nil
        }
        streams.setID(id, of: key)
        return key
    }

    /// Whether numbers for new streams run out: time for another connection (client).
    package var isNearlySpent: Bool { native.nextStreamID > UInt32(Int32.max) - 10_000 }

    /// Answers a stream (server): headers, body, trailers. False when the stream is gone.
    package func submitResponse(
        _ stream: HTTP2StreamKey, _ headers: HTTP2HeaderBlock, body: HTTP2Body, trailers: HTTP2HeaderBlock
    ) -> Bool {
        guard let index = streams.index(of: stream) else { return false }
        streams.update(index) { entry in
            entry.body = body
            entry.trailers = trailers
        }
        return native.submitResponse(headers, id: streams.entries[index].id, hasBody: true)
    }

    /// Answers a stream (server): headers at once, then what `source` gives. False when the stream is gone.
    package func submitResponse(
        _ stream: HTTP2StreamKey, _ headers: HTTP2HeaderBlock, source: any HTTP2BodySource
    ) -> Bool {
        guard let index = streams.index(of: stream) else { return false }
        streams.update(index) { $0.source = source }
        return native.submitResponse(headers, id: streams.entries[index].id, hasBody: true)
    }

    /// The source of a stream has bytes again, or its end. Harmless when it was not waiting for that.
    package func resume(_ stream: HTTP2StreamKey) {
        guard let index = streams.index(of: stream) else { return }
        native.resume(id: streams.entries[index].id)
    }

    /// Answers a stream with headers only (server). False when the stream is gone.
    package func submitResponse(_ stream: HTTP2StreamKey, _ headers: HTTP2HeaderBlock) -> Bool {
        guard let index = streams.index(of: stream) else { return false }
        return native.submitResponse(headers, id: streams.entries[index].id, hasBody: false)
    }

    /// Ends a stream at once. Harmless when it is gone.
    package func reset(_ stream: HTTP2StreamKey, _ code: HTTP2ErrorCode) {
        guard let index = streams.index(of: stream) else { return }
        native.reset(id: streams.entries[index].id, code)
    }

    /// Lets the peer send `count` more bytes. Of a stream that is gone the connection's share only.
    package func consume(_ stream: HTTP2StreamKey, _ count: Int) {
        unconsumed += count
        if unconsumed >= limits.consumedStep(of: limits.connectionWindow) {
            native.consumeOfConnection(unconsumed)
            unconsumed = 0
        }
        guard let index = streams.index(of: stream) else { return }
        let (id, bytes) = streams.update(index) { entry in
            entry.unconsumed += count
            guard entry.unconsumed >= limits.consumedStep(of: limits.streamWindow) else { return (entry.id, 0) }
            defer { entry.unconsumed = 0 }
            return (entry.id, entry.unconsumed)
        }
        if bytes > 0 { native.consumeOfStream(id: id, bytes) }
    }

    /// Lets the peer send `count` more bytes on this stream; the connection's share is granted apart.
    package func consumeOfStream(_ stream: HTTP2StreamKey, _ count: Int) {
        guard let index = streams.index(of: stream) else { return }
        native.consumeOfStream(id: streams.entries[index].id, count)
    }

    /// Lets the peer send `count` more bytes on the connection, on whatever stream.
    package func consumeOfConnection(_ count: Int) {
        if count > 0 { native.consumeOfConnection(count) }
    }

    func markPeerSettings() { hasPeerSettings = true }

    func markProtocolError() { hasProtocolError = true }
}

extension HTTP2SessionError {
    init(_ code: Int32) {
        switch code {
        case NGHTTP2_ERR_BAD_CLIENT_MAGIC.rawValue: self = .badPreface
        case NGHTTP2_ERR_FLOODED.rawValue, NGHTTP2_ERR_TOO_MANY_CONTINUATIONS.rawValue: self = .flooded
        case NGHTTP2_ERR_NOMEM.rawValue: self = .outOfMemory
        default: self = .library(code: code)
        }
    }
}
