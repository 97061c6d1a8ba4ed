// What all TLS connections of a listener or a channel share: certificate, key, authority.

private import COpenSSL
import Synchronization

/// TLS 1.3 with ALPN h2. Immutable; makes engines from any thread.
@safe package final class TLSContext: Sendable {
    /// Which certificates are demanded.
    package enum Demand: Hashable, Sendable {
        /// The client shows none; the server's is verified.
        case serverOnly
        /// Both sides show one; a peer without is refused.
        case mutual
    }

    package let role: HTTP2Role
    /// The lock guards the creation of engines; OpenSSL counts references itself.
    private let context: Mutex<NativeTLSContext>

    /// Reads PEM files. A client of `.serverOnly` needs no certificate and its paths are not read.
    package init(
        role: HTTP2Role, demand: Demand, authorityPath: String, certificatePath: String, keyPath: String
    ) throws(TLSContextError) {
        self.role = role
        let native = try NativeTLSContext(role: role)
        try native.trust(authorityPath, asServer: role == .server && demand == .mutual)
        if role == .server || demand == .mutual {
            try native.use(certificatePath: certificatePath, keyPath: keyPath)
        }
        native.verifyPeer(isDemanded: role == .client || demand == .mutual)
        context = Mutex(native)
    }

    /// An engine for an accepted connection.
    package func makeServerEngine() throws(TLSFailure) -> TLSEngine {
        try context.withLock { native throws(TLSFailure) in try unsafe TLSEngine(native.makeConnection(host: nil)) }
    }

    /// An engine for a connection to `host`, which must be among the names of the server's certificate.
    package func makeClientEngine(host: String) throws(TLSFailure) -> TLSEngine {
        try context.withLock { native throws(TLSFailure) in try unsafe TLSEngine(native.makeConnection(host: host)) }
    }
}

/// Owns an `SSL_CTX`.
@safe private final class NativeTLSContext {
    private let pointer: OpaquePointer
    private let role: HTTP2Role

    init(role: HTTP2Role) throws(TLSContextError) {
        ERR_clear_error()
        let method = unsafe role == .server ? TLS_server_method() : TLS_client_method()
        guard let pointer = unsafe SSL_CTX_new(method) else { throw TLSContextError(message: "OpenSSL has no TLS") }
        unsafe self.pointer = pointer
        self.role = role
        guard unsafe meridian_tls_allow_13_only(pointer) == 1 else {
            throw TLSContextError(message: "OpenSSL has no TLS 1.3")
        }
        unsafe meridian_tls_keep_nothing(pointer)
        switch role {
        case .server: unsafe SSL_CTX_set_alpn_select_cb(pointer, selectProtocol, nil)
        case .client: _ = unsafe SSL_CTX_set_alpn_protos(pointer, ApplicationProtocol.offer, 3)
        }
    }

    deinit { unsafe SSL_CTX_free(pointer) }

    func trust(_ path: String, asServer: Bool) throws(TLSContextError) {
        ERR_clear_error()
        guard unsafe SSL_CTX_load_verify_file(pointer, path) == 1 else {
            throw TLSContextError(message: "\(path) is not a readable PEM file of certificate authorities")
        }
        // Names the authority to clients, so that they pick the right certificate.
        if asServer, let names = unsafe SSL_load_client_CA_file(path) {
            unsafe SSL_CTX_set_client_CA_list(pointer, names)
        }
    }

    func use(certificatePath: String, keyPath: String) throws(TLSContextError) {
        ERR_clear_error()
        guard unsafe SSL_CTX_use_certificate_chain_file(pointer, certificatePath) == 1 else {
            throw TLSContextError(message: "\(certificatePath) is not a readable PEM certificate")
        }
        guard unsafe SSL_CTX_use_PrivateKey_file(pointer, keyPath, SSL_FILETYPE_PEM) == 1 else {
            throw TLSContextError(message: "\(keyPath) is not a readable PEM key, or not that of \(certificatePath)")
        }
        guard unsafe SSL_CTX_check_private_key(pointer) == 1 else {
            throw TLSContextError(message: "\(keyPath) is not the key of \(certificatePath)")
        }
    }

    func verifyPeer(isDemanded: Bool) {
        let mode = isDemanded ? SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT : SSL_VERIFY_NONE
        unsafe SSL_CTX_set_verify(pointer, mode, nil)
    }

    /// A new `SSL`, ready for its handshake; `host` is what a client verifies.
    func makeConnection(host: String?) throws(TLSFailure) -> OpaquePointer {
        ERR_clear_error()
        guard let connection = unsafe SSL_new(pointer) else { throw .other(reason: 0) }
        if let host {
            unsafe SSL_set_connect_state(connection)
            guard unsafe expect(host, of: connection) else {
                unsafe SSL_free(connection)
                throw .wrongName
            }
        } else {
            unsafe SSL_set_accept_state(connection)
        }
        return unsafe connection
    }

    /// Addresses stand in a certificate as addresses, and are not sent as server names (RFC 6066 section 3).
    private func expect(_ host: String, of connection: OpaquePointer) -> Bool {
        let parameters = unsafe SSL_get0_param(connection)
        if unsafe X509_VERIFY_PARAM_set1_ip_asc(parameters, host) == 1 { return true }
        ERR_clear_error()
        unsafe SSL_set_hostflags(connection, UInt32(X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS))
        return unsafe SSL_set1_host(connection, host) == 1 && meridian_tls_set_server_name(connection, host) == 1
    }
}

/// The one protocol that is spoken over TLS.
enum ApplicationProtocol {
    static let name: StaticString = "h2"
    /// As ALPN lists it: length, then the name.
    static let offer: [UInt8] = [2, UInt8(ascii: "h"), UInt8(ascii: "2")]
}

/// Picks h2 out of a client's offer, and refuses the handshake when it is not there.
private let selectProtocol: SSL_CTX_alpn_select_cb_func = { _, selected, selectedCount, offer, offerCount, _ in
    guard let offer = unsafe offer, let selected = unsafe selected, let selectedCount = unsafe selectedCount else {
        return SSL_TLSEXT_ERR_ALERT_FATAL
    }
    var position = 0
    while position < Int(offerCount) {
        let length = Int(unsafe offer[position])
        guard position + 1 + length <= Int(offerCount) else { break }
        if length == 2, unsafe offer[position + 1] == UInt8(ascii: "h"), unsafe offer[position + 2] == UInt8(ascii: "2")
        {
            unsafe selected.pointee = offer + position + 1
            unsafe selectedCount.pointee = 2
            return SSL_TLSEXT_ERR_OK
        }
        position += 1 + length
    }
    return SSL_TLSEXT_ERR_ALERT_FATAL
}
