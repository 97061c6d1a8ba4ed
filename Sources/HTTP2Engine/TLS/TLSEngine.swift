// One TLS connection without its socket: bytes in, bytes out, over OpenSSL's memory BIOs.

private import COpenSSL
package import NIOCore

/// A TLS connection. For one thread at a time. Feed `receive`, empty `drain` after every call, failures included: an
/// alert may stand there.
@safe package final class TLSEngine {
    private static let maxRecordBytes = 16 << 10

    /// Whether the handshake is over and the peer passed every check.
    package private(set) var isEstablished = false
    /// The URI SAN of the peer's verified certificate.
    package private(set) var peerURI: String?
    /// Whether the handshake built on an earlier one: no certificate was sent or verified again.
    package private(set) var isResumed = false
    private let context: NativeTLSContext
    /// What a client dialled: the name of its sessions.
    private let host: String?
    private let connection: OpaquePointer
    private let input: OpaquePointer
    private let output: OpaquePointer

    /// For a client `host` is what it dials; nil makes a server's engine.
    init(_ context: NativeTLSContext, host: String?) throws(TLSFailure) {
        let connection = unsafe try context.makeConnection(host: host)
        guard let input = unsafe BIO_new(BIO_s_mem()) else {
            unsafe SSL_free(connection)
            throw .other(reason: 0)
        }
        guard let output = unsafe BIO_new(BIO_s_mem()) else {
            unsafe BIO_free(input)
            unsafe SSL_free(connection)
            throw .other(reason: 0)
        }
        self.context = context
        self.host = host
        unsafe self.connection = connection
        unsafe self.input = input
        unsafe self.output = output
        // The connection owns both from here on.
        unsafe SSL_set_bio(connection, input, output)
        unsafe SSL_set_ex_data(connection, 0, Unmanaged.passUnretained(self).toOpaque())
    }

    deinit { unsafe SSL_free(connection) }

    /// Begins the handshake (client): the first bytes are in `drain`. A server waits for its peer.
    package func start() throws(TLSFailure) { try handshake() }

    /// Takes bytes from the peer and appends what they say to `plain`.
    package func receive(_ bytes: Span<UInt8>, into plain: inout ByteBuffer) throws(TLSFailure) {
        var written = 0
        while written < bytes.count {
            let count = unsafe bytes.extracting(written...).withUnsafeBufferPointer { raw in
                unsafe BIO_write(input, raw.baseAddress, Int32(clamping: raw.count))
            }
            guard count > 0 else { throw .other(reason: 0) }
            written += Int(count)
        }
        if !isEstablished { try handshake() }
        if isEstablished { try read(into: &plain) }
    }

    /// Encrypts bytes for the peer; only when established.
    package func send(_ bytes: Span<UInt8>) throws(TLSFailure) {
        var written = 0
        while written < bytes.count {
            ERR_clear_error()
            let count = unsafe bytes.extracting(written...).withUnsafeBufferPointer { raw in
                unsafe SSL_write(connection, raw.baseAddress, Int32(clamping: raw.count))
            }
            guard count > 0 else { throw failure(count) }
            written += Int(count)
        }
    }

    /// Appends the bytes that the peer must get to `output`.
    package func drain(into target: inout ByteBuffer) {
        while true {
            let pending = unsafe BIO_ctrl_pending(output)
            guard pending > 0 else { return }
            let count = unsafe target.writeWithUnsafeMutableBytes(minimumWritableBytes: pending) { raw in
                max(0, Int(unsafe BIO_read(output, raw.baseAddress, Int32(clamping: min(raw.count, pending)))))
            }
            guard count > 0 else { return }
        }
    }

    /// Tells the peer that no more comes: a close notice is in `drain`.
    package func shutDown() {
        guard isEstablished else { return }
        ERR_clear_error()
        _ = unsafe SSL_shutdown(connection)
    }

    // MARK: Steps

    private func handshake() throws(TLSFailure) {
        ERR_clear_error()
        let code = unsafe SSL_do_handshake(connection)
        guard code == 1 else {
            if unsafe SSL_get_error(connection, code) == SSL_ERROR_WANT_READ { return }
            throw failure(code)
        }
        guard unsafe ApplicationProtocol.isAgreed(on: connection) else { throw .noApplicationProtocol }
        peerURI = unsafe try TLSPeerCheck.finish(connection, context.settings)
        isResumed = unsafe SSL_session_reused(connection) == 1
        isEstablished = true
    }

    private func read(into plain: inout ByteBuffer) throws(TLSFailure) {
        while true {
            ERR_clear_error()
            var code: Int32 = 0
            unsafe plain.writeWithUnsafeMutableBytes(minimumWritableBytes: Self.maxRecordBytes) { raw in
                code = unsafe SSL_read(connection, raw.baseAddress, Int32(clamping: raw.count))
                return max(0, Int(code))
            }
            guard code <= 0 else { continue }
            if unsafe SSL_get_error(connection, code) == SSL_ERROR_WANT_READ { return }
            throw failure(code)
        }
    }

    private func failure(_ code: Int32) -> TLSFailure {
        if unsafe SSL_get_error(connection, code) == SSL_ERROR_ZERO_RETURN { return .closed }
        let reason = Self.takeReason()
        if Int32(reason) == SSL_R_CERTIFICATE_VERIFY_FAILED,
            let failure = TLSFailure(verification: unsafe SSL_get_verify_result(connection))
        {
            return failure
        }
        return TLSFailure(reason: reason)
    }

    /// The first reason of libssl's own: what other parts say before it are only details, such as a signature that does
    /// not fit.
    private static func takeReason() -> Int {
        defer { ERR_clear_error() }
        while true {
            let error = ERR_get_error()
            guard error != 0 else { return 0 }
            let reason = Int(meridian_tls_reason(error))
            if reason != 0 { return reason }
        }
    }

    /// Whether the lists of `other`, a context that came later, name the peer of this connection.
    func isRevoked(by other: NativeTLSContext) -> Bool {
        // The handshake has asked the lists of its own context.
        guard other !== context, let lists = other.lists else { return false }
        return unsafe lists.nameThePeer(of: connection)
    }

    // MARK: Between records

    /// Gives record buffers (about 32 KiB) back while a connection rests; they come again with the next record.
    package func releaseBuffers() { _ = unsafe SSL_free_buffers(connection) }

    /// Called by OpenSSL when a server sends a ticket: the session is kept for the next connection.
    static let onNewSession: @convention(c) (OpaquePointer?, OpaquePointer?) -> Int32 = { connection, session in
        guard let session = unsafe session, let owner = unsafe SSL_get_ex_data(connection, 0) else { return 0 }
        let engine = unsafe Unmanaged<TLSEngine>.fromOpaque(owner).takeUnretainedValue()
        guard let host = engine.host else { return 0 }
        unsafe engine.context.sessions.keep(session, of: host)
        return 1
    }
}
