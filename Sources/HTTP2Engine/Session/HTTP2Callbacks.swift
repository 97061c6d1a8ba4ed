// The callbacks that nghttp2 calls: each finds its session and hands the event on. All pointers of the library that
// come in stay in this file. None of them may call receive, send or delete of the session.

import CNghttp2

/// Installs the callbacks. Their context is the `HTTP2Session`, which lives as long as the C session does.
@safe enum HTTP2Callbacks {
    /// What a body's source is to the library.
    static var bodyProvider: nghttp2_data_provider {
        unsafe nghttp2_data_provider(source: nghttp2_data_source(fd: 0), read_callback: readBody)
    }

    /// A place as a stream's context: never nil, so that nil is "unknown".
    static func streamContext(_ place: Int) -> UnsafeMutableRawPointer? {
        unsafe UnsafeMutableRawPointer(bitPattern: place + 1)
    }

    static func install(in callbacks: OpaquePointer) {
        unsafe nghttp2_session_callbacks_set_on_begin_frame_callback(callbacks) { session, header, context in
            guard let header = unsafe header else { return 0 }
            unsafe HTTP2Callbacks.with(context) { owner in unsafe owner.frameBegun(session, header.pointee) }
            return 0
        }
        unsafe nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks) { session, frame, context in
            guard let frame = unsafe frame else { return 0 }
            let isRequest = unsafe frame.pointee.headers.cat == NGHTTP2_HCAT_REQUEST
            unsafe HTTP2Callbacks.with(context) { owner in
                unsafe owner.beginHeaders(frame.pointee.hd.stream_id, session, isRequest: isRequest)
            }
            return 0
        }
        unsafe nghttp2_session_callbacks_set_on_header_callback(callbacks) {
            session, frame, name, nameCount, value, valueCount, _, context in
            guard let frame = unsafe frame, let name = unsafe name else { return 0 }
            let nameSpan = unsafe Span(_unsafeStart: name, count: nameCount)
            // An empty value may come without an address.
            let valueSpan = unsafe Span(_unsafeStart: value ?? name, count: valueCount)
            unsafe HTTP2Callbacks.with(context) { owner in
                unsafe owner.header(frame.pointee.hd.stream_id, session, nameSpan, valueSpan)
            }
            return 0
        }
        unsafe nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks) { session, frame, context in
            guard let frame = unsafe frame else { return 0 }
            unsafe HTTP2Callbacks.with(context) { owner in
                unsafe owner.frameReceived(
                    session, frame.pointee.hd, goAway: frame.pointee.goaway.error_code,
                    increment: frame.pointee.window_update.window_size_increment)
            }
            return 0
        }
        unsafe nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks) {
            session, _, id, bytes, count, context in
            guard let bytes = unsafe bytes else { return 0 }
            unsafe HTTP2Callbacks.with(context) { owner in
                unsafe owner.data(id, session, Span(_unsafeStart: bytes, count: count))
            }
            return 0
        }
        unsafe installEnds(in: callbacks)
    }

    private static func installEnds(in callbacks: OpaquePointer) {
        unsafe nghttp2_session_callbacks_set_on_stream_close_callback(callbacks) { session, id, code, context in
            unsafe HTTP2Callbacks.with(context) { owner in
                unsafe owner.streamClosed(id, session, HTTP2ErrorCode(rawValue: code))
            }
            return 0
        }
        unsafe nghttp2_session_callbacks_set_on_frame_send_callback(callbacks) { session, frame, context in
            guard let frame = unsafe frame else { return 0 }
            unsafe HTTP2Callbacks.with(context) { owner in
                unsafe owner.frameSent(
                    session, frame.pointee.hd, reset: frame.pointee.rst_stream.error_code,
                    goAway: frame.pointee.goaway.error_code)
            }
            return 0
        }
        unsafe nghttp2_session_callbacks_set_on_frame_not_send_callback(callbacks) { session, frame, _, context in
            guard let frame = unsafe frame else { return 0 }
            let header = unsafe frame.pointee.hd
            guard header.type == UInt8(NGHTTP2_HEADERS.rawValue) else { return 0 }
            unsafe HTTP2Callbacks.with(context) { owner in
                if owner.role == .client { unsafe owner.streamClosed(header.stream_id, session, .refusedStream) }
            }
            return 0
        }
    }

    /// The session outlives each call of the library: it need not be retained for every event.
    private static func with(_ context: UnsafeMutableRawPointer?, _ body: (HTTP2Session) -> Void) {
        guard let context = unsafe context else { return }
        unsafe Unmanaged<HTTP2Session>.fromOpaque(context)._withUnsafeGuaranteedRef { body($0) }
    }

    private static func owner(_ context: UnsafeMutableRawPointer?) -> HTTP2Session? {
        unsafe context.map { unsafe Unmanaged<HTTP2Session>.fromOpaque($0).takeUnretainedValue() }
    }

    /// Copies the next bytes of a body into the library's buffer; at the end it hands in the trailers.
    private static let readBody: nghttp2_data_source_read_callback = {
        session, id, target, capacity, flags, _, context in
        guard let owner = unsafe HTTP2Callbacks.owner(context), let target = unsafe target, let flags = unsafe flags,
            let index = unsafe owner.index(of: id, session)
        else { return ssize_t(NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE.rawValue) }
        let buffer = unsafe UnsafeMutableRawBufferPointer(start: target, count: capacity)
        let piece = unsafe owner.readBody(at: index, into: buffer)
        if case .none = piece.end {
            return piece.count > 0 ? piece.count : ssize_t(NGHTTP2_ERR_DEFERRED.rawValue)
        }
        unsafe flags.pointee |= NGHTTP2_DATA_FLAG_EOF.rawValue
        if case .trailers(let trailers) = piece.end {
            unsafe flags.pointee |= NGHTTP2_DATA_FLAG_NO_END_STREAM.rawValue
            // Fails only without memory, which the session then reports itself.
            _ = unsafe trailers.withVectors { vectors, count in
                unsafe nghttp2_submit_trailer(session, id, vectors, count)
            }
        }
        return piece.count
    }
}

// MARK: What the callbacks do to a session

extension HTTP2Session {
    /// Where the stream `id` stands; nil when it is not one of ours any more.
    fileprivate func index(of id: Int32, _ session: OpaquePointer?) -> Int? {
        if recent.id == id { return recent.index }
        guard let context = unsafe nghttp2_session_get_stream_user_data(session, id) else { return nil }
        let index = Int(bitPattern: context) - 1
        guard streams.entries.indices.contains(index), streams.entries[index].id == id else { return nil }
        recent = (id, index)
        return index
    }

    fileprivate func frameBegun(_ session: OpaquePointer?, _ header: nghttp2_frame_hd) {
        switch UInt32(header.type) {
        case NGHTTP2_HEADERS.rawValue:
            toll.onBegun()
            guard role == .server, header.stream_id % 2 == 1, !peerNumbers.onHeaders(header.stream_id) else { return }
            // Allowed here: it only queues GOAWAY and makes the library ignore what follows.
            _ = unsafe nghttp2_session_terminate_session(session, NGHTTP2_PROTOCOL_ERROR.rawValue)
        case NGHTTP2_DATA.rawValue where header.length == 0, NGHTTP2_DATA.rawValue where isPadded(header):
            toll.onBegun()
        case NGHTTP2_PRIORITY.rawValue: toll.onCostly()
        default: break
        }
    }

    private func isPadded(_ header: nghttp2_frame_hd) -> Bool {
        UInt32(header.flags) & NGHTTP2_FLAG_PADDED.rawValue != 0
    }

    fileprivate func beginHeaders(_ id: Int32, _ session: OpaquePointer?, isRequest: Bool) {
        if isRequest, role == .server {
            guard let key = streams.open() else {
                _ = unsafe nghttp2_submit_rst_stream(session, 0, id, NGHTTP2_REFUSED_STREAM.rawValue)
                return
            }
            streams.setID(id, of: key, openedAt: step)
            _ = unsafe nghttp2_session_set_stream_user_data(
                session, id, HTTP2Callbacks.streamContext(Int(key.place)))
            recent = (id, Int(key.place))
            sink?.onStreamOpened(key)
        }
        // A block is never interrupted (RFC 9113 section 4.3): one count serves all streams.
        headerBytes = 0
    }

    fileprivate func header(_ id: Int32, _ session: OpaquePointer?, _ name: Span<UInt8>, _ value: Span<UInt8>) {
        guard let index = unsafe index(of: id, session) else { return }
        headerBytes += name.count + value.count + 32
        if headerBytes <= limits.maxHeaderListBytes {
            sink?.onHeader(streams.key(at: index), name: name, value: value)
        }
    }

    fileprivate func data(_ id: Int32, _ session: OpaquePointer?, _ bytes: Span<UInt8>) {
        toll.onUse()
        guard let index = unsafe index(of: id, session) else {
            _ = unsafe nghttp2_session_consume(session, id, bytes.count)
            return
        }
        sink?.onData(streams.key(at: index), bytes)
    }

    fileprivate func frameReceived(
        _ session: OpaquePointer?, _ header: nghttp2_frame_hd, goAway: UInt32, increment: Int32
    ) {
        frameCount &+= 1
        switch UInt32(header.type) {
        case NGHTTP2_HEADERS.rawValue, NGHTTP2_DATA.rawValue:
            let isEnd = UInt32(header.flags) & NGHTTP2_FLAG_END_STREAM.rawValue != 0
            guard let index = unsafe index(of: header.stream_id, session) else { return }
            let key = streams.key(at: index)
            if isEnd || UInt32(header.type) == NGHTTP2_HEADERS.rawValue { toll.onUse() }
            if UInt32(header.type) == NGHTTP2_HEADERS.rawValue {
                sink?.onHeadersEnd(key, isTruncated: headerBytes > limits.maxHeaderListBytes)
            }
            if isEnd {
                streams.update(index) { $0.hasPeerEnded = true }
                sink?.onEnd(key)
            }
        case NGHTTP2_SETTINGS.rawValue:
            toll.onCostly()
            markPeerSettings()
        case NGHTTP2_GOAWAY.rawValue:
            sink?.onGoAway(code: HTTP2ErrorCode(rawValue: goAway))
        case NGHTTP2_PING.rawValue where UInt32(header.flags) & NGHTTP2_FLAG_ACK.rawValue != 0:
            sink?.onPingAnswered()
        case NGHTTP2_WINDOW_UPDATE.rawValue: toll.onGranted(increment)
        case NGHTTP2_PING.rawValue: toll.onAnswerable()
        case NGHTTP2_RST_STREAM.rawValue: unsafe onReset(index(of: header.stream_id, session))
        // Counted when it began: the library keeps those that it has no use for to itself.
        case NGHTTP2_PRIORITY.rawValue: break
        default: toll.onCostly()
        }
    }

    /// A stream was reset; nil: one that is over already.
    private func onReset(_ index: Int?) {
        // It may have crossed the answer.
        guard let index else { return toll.onAnswerable() }
        // A server ends a call of ours: no oftener than we begin one.
        guard role == .server else { return }
        // Who waited and gave up took a stream's place for a while, and so cannot do it often. Under overload many do.
        if step &- streams.entries[index].openedAt < Self.patientSteps { toll.onCostly() }
    }

    fileprivate func frameSent(
        _ session: OpaquePointer?, _ header: nghttp2_frame_hd, reset: UInt32, goAway: UInt32
    ) {
        switch UInt32(header.type) {
        case NGHTTP2_DATA.rawValue, NGHTTP2_HEADERS.rawValue, NGHTTP2_RST_STREAM.rawValue: toll.onSent()
        default: break
        }
        switch UInt32(header.type) {
        case NGHTTP2_HEADERS.rawValue where role == .server:
            // An answer before the end of the request: the peer need not send the rest (RFC 9113 section 8.1).
            guard UInt32(header.flags) & NGHTTP2_FLAG_END_STREAM.rawValue != 0,
                let index = unsafe index(of: header.stream_id, session), !streams.entries[index].hasPeerEnded
            else { return }
            _ = unsafe nghttp2_submit_rst_stream(session, 0, header.stream_id, NGHTTP2_NO_ERROR.rawValue)
        // A peer whose streams must be reset again and again floods us too (CVE-2025-8671). NO_ERROR only spares it the
        // rest of a request that is answered.
        case NGHTTP2_RST_STREAM.rawValue where reset != NGHTTP2_NO_ERROR.rawValue: toll.onCostly()
        case NGHTTP2_GOAWAY.rawValue where goAway != NGHTTP2_NO_ERROR.rawValue:
            markProtocolError()
        default: break
        }
    }

    fileprivate func streamClosed(_ id: Int32, _ session: OpaquePointer?, _ code: HTTP2ErrorCode) {
        guard let index = unsafe index(of: id, session) else { return }
        sink?.onClosed(streams.key(at: index), code: code)
        streams.close(index)
        recent = (0, 0)
    }

    fileprivate func readBody(at index: Int, into buffer: UnsafeMutableRawBufferPointer) -> HTTP2BodyPiece {
        if let source = streams.entries[index].source {
            let piece = unsafe source.read(into: buffer)
            bodyBytesSent &+= piece.count
            if case .none = piece.end { return piece }
            streams.update(index) { $0.source = nil }
            return piece
        }
        return streams.update(index) { entry in
            let count = unsafe entry.body?.read(into: buffer) ?? 0
            bodyBytesSent &+= count
            guard (entry.body?.count ?? 0) == 0 else { return HTTP2BodyPiece(count: count) }
            // The buffer goes back to its owner before the stream closes.
            entry.body = nil
            let trailers = entry.trailers
            entry.trailers = nil
            return HTTP2BodyPiece(count: count, end: trailers.map { .trailers($0) } ?? .end)
        }
    }
}
