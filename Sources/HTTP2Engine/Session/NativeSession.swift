// The C session: everything that calls nghttp2, but for the callbacks.

private import CNghttp2
import NIOCore

/// Owns an `nghttp2_session`. Not to be called from the library's callbacks, except for what submits.
@safe final class NativeSession {
    private var session: OpaquePointer?
    /// Released after the session.
    private let memory = SessionMemory()

    deinit { unsafe nghttp2_session_del(session) }

    /// `context` reaches the callbacks; its object must outlive this one.
    func open(
        role: HTTP2Role, limits: HTTP2Limits, context: UnsafeMutableRawPointer
    ) throws(HTTP2SessionError) {
        var callbacks: OpaquePointer?
        var options: OpaquePointer?
        guard unsafe nghttp2_session_callbacks_new(&callbacks) == 0, unsafe nghttp2_option_new(&options) == 0,
            let callbacks = unsafe callbacks
        else { throw .outOfMemory }
        defer {
            unsafe nghttp2_session_callbacks_del(callbacks)
            unsafe nghttp2_option_del(options)
        }
        unsafe HTTP2Callbacks.install(in: callbacks)
        unsafe nghttp2_option_set_no_auto_window_update(options, 1)
        unsafe nghttp2_option_set_no_closed_streams(options, 1)
        unsafe nghttp2_option_set_max_outbound_ack(options, limits.maxUnsentAcknowledgements)
        unsafe nghttp2_option_set_max_settings(options, limits.maxSettings)
        unsafe nghttp2_option_set_max_continuations(options, limits.maxContinuations)
        unsafe nghttp2_option_set_stream_reset_rate_limit(options, limits.resetBurst, limits.resetsPerSecond)
        var functions = unsafe memory.functions
        let code =
            switch role {
            case .server: unsafe nghttp2_session_server_new3(&session, callbacks, context, options, &functions)
            case .client: unsafe nghttp2_session_client_new3(&session, callbacks, context, options, &functions)
            }
        guard code == 0 else { throw HTTP2SessionError(code) }
    }

    func submitSettings(role: HTTP2Role, limits: HTTP2Limits) throws(HTTP2SessionError) {
        var entries: [(nghttp2_settings_id, UInt32)] = [
            (NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, UInt32(clamping: limits.streamWindow)),
            (NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, UInt32(clamping: limits.maxHeaderListBytes)),
            (NGHTTP2_SETTINGS_NO_RFC7540_PRIORITIES, 1),
        ]
        switch role {
        case .server: entries.append((NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, limits.maxConcurrentStreams))
        case .client: entries.append((NGHTTP2_SETTINGS_ENABLE_PUSH, 0))
        }
        let vector = entries.map { nghttp2_settings_entry(settings_id: Int32($0.0.rawValue), value: $0.1) }
        var code = unsafe nghttp2_submit_settings(session, 0, vector, vector.count)
        guard code == 0 else { throw HTTP2SessionError(code) }
        code = unsafe nghttp2_session_set_local_window_size(session, 0, 0, limits.connectionWindow)
        guard code == 0 else { throw HTTP2SessionError(code) }
    }

    var wantsRead: Bool { unsafe nghttp2_session_want_read(session) != 0 }

    var wantsWrite: Bool { unsafe nghttp2_session_want_write(session) != 0 }

    var nextStreamID: UInt32 { unsafe nghttp2_session_get_next_stream_id(session) }

    /// The library's code: negative for an error. It takes all bytes or fails.
    func receive(_ bytes: Span<UInt8>) -> Int32 {
        unsafe bytes.withUnsafeBufferPointer { raw in
            Int32(clamping: unsafe nghttp2_session_mem_recv(session, raw.baseAddress, raw.count))
        }
    }

    /// Appends one frame or so; how many bytes, or the library's code.
    func send(into output: inout ByteBuffer) -> Int {
        var start: UnsafePointer<UInt8>?
        let count = unsafe nghttp2_session_mem_send(session, &start)
        // The library's bytes are valid until its next call: copy.
        if count > 0, let start = unsafe start {
            output.writeBytes(unsafe RawSpan(_unsafeStart: start, byteCount: count))
        }
        return count
    }

    func submitRequest(_ headers: HTTP2HeaderBlock, place: Int) -> Int32 {
        unsafe headers.withVectors { vectors, count in
            var provider = unsafe HTTP2Callbacks.bodyProvider
            return unsafe nghttp2_submit_request(
                session, nil, vectors, count, &provider, HTTP2Callbacks.streamContext(place))
        }
    }

    func submitResponse(_ headers: HTTP2HeaderBlock, id: Int32, hasBody: Bool) -> Bool {
        unsafe headers.withVectors { vectors, count in
            guard hasBody else { return unsafe nghttp2_submit_response(session, id, vectors, count, nil) == 0 }
            var provider = unsafe HTTP2Callbacks.bodyProvider
            return unsafe nghttp2_submit_response(session, id, vectors, count, &provider) == 0
        }
    }

    // The codes of the following say "no such stream", "closing already" or "no memory", which the next `send` reports.

    func reset(id: Int32, _ code: HTTP2ErrorCode) {
        _ = unsafe nghttp2_submit_rst_stream(session, 0, id, code.rawValue)
    }

    func consumeOfConnection(_ count: Int) { _ = unsafe nghttp2_session_consume_connection(session, count) }

    func consumeOfStream(id: Int32, _ count: Int) { _ = unsafe nghttp2_session_consume_stream(session, id, count) }

    func resume(id: Int32) { _ = unsafe nghttp2_session_resume_data(session, id) }

    func submitShutdownNotice() { _ = unsafe nghttp2_submit_shutdown_notice(session) }

    func submitGoAway(_ code: HTTP2ErrorCode) {
        let last = unsafe nghttp2_session_get_last_proc_stream_id(session)
        _ = unsafe nghttp2_submit_goaway(session, 0, last, code.rawValue, nil, 0)
    }

    func terminate(_ code: HTTP2ErrorCode) { _ = unsafe nghttp2_session_terminate_session(session, code.rawValue) }

    func submitPing() { _ = unsafe nghttp2_submit_ping(session, 0, nil) }
}
