// The C context: files, versions, what is asked of peers.

private import COpenSSL

/// Owns an `SSL_CTX`. Immutable after `init`, but for what OpenSSL locks itself; kept by every engine that it made.
@safe final class NativeTLSContext: Sendable {
    /// Ciphers of TLS 1.2 that HTTP/2 allows (RFC 9113 section 9.2.2 and its appendix).
    private static let tls12Ciphers =
        "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:"
        + "ECDHE-RSA-AES256-GCM-SHA384:ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305"
    /// Sessions are resumed for so long, in seconds.
    private static let sessionLifetime = 3_600
    private static let ticketsAConnection = 1

    let settings: TLSSettings
    let sessions = TLSSessionCache()
    /// Nil where none are named.
    let lists: RevocationLists?
    // SSL_CTX counts its references atomically and may make connections on several threads at once.
    private let pointer: SharedContext

    init(_ settings: TLSSettings) throws(TLSContextError) {
        self.settings = settings
        lists = try settings.revocationPath.map { path throws(TLSContextError) in try RevocationLists(path) }
        ERR_clear_error()
        let method = unsafe settings.role == .server ? TLS_server_method() : TLS_client_method()
        guard let context = unsafe SSL_CTX_new(method) else { throw TLSContextError(message: "OpenSSL has no TLS") }
        unsafe pointer = SharedContext(context)
        guard unsafe meridian_tls_set_versions(context, settings.allowsTLS12 ? 1 : 0) == 1,
            unsafe SSL_CTX_set_cipher_list(context, Self.tls12Ciphers) == 1
        else { throw TLSContextError(message: "OpenSSL has no TLS 1.3") }
        unsafe meridian_tls_harden(context)
        try trust()
        if settings.role == .server || settings.demand == .mutual { try useCertificate() }
        unsafe SSL_CTX_set_ex_data(context, 0, Unmanaged.passUnretained(self).toOpaque())
        configurePeer()
        configureSessions()
    }

    private func trust() throws(TLSContextError) {
        let path = settings.authorityPath
        guard unsafe SSL_CTX_load_verify_file(pointer.address, path) == 1 else {
            throw TLSContextError(message: "\(path) is not a readable PEM file of certificate authorities")
        }
        if let lists = settings.revocationPath {
            guard unsafe meridian_tls_load_crls(pointer.address, lists) > 0 else {
                throw TLSContextError(message: "\(lists) is not a readable PEM file of revocation lists")
            }
        }
        // Names the authority to clients, so that they pick the right certificate.
        if settings.role == .server, settings.demand == .mutual, let names = unsafe SSL_load_client_CA_file(path) {
            unsafe SSL_CTX_set_client_CA_list(pointer.address, names)
        }
    }

    private func useCertificate() throws(TLSContextError) {
        let (certificate, key) = (settings.certificatePath, settings.keyPath)
        ERR_clear_error()
        guard unsafe SSL_CTX_use_certificate_chain_file(pointer.address, certificate) == 1 else {
            throw TLSContextError(message: "\(certificate) is not a readable PEM certificate")
        }
        guard unsafe SSL_CTX_use_PrivateKey_file(pointer.address, key, SSL_FILETYPE_PEM) == 1 else {
            throw TLSContextError(message: "\(key) is not a readable PEM key, or not that of \(certificate)")
        }
        guard unsafe SSL_CTX_check_private_key(pointer.address) == 1 else {
            throw TLSContextError(message: "\(key) is not the key of \(certificate)")
        }
    }

    private func configurePeer() {
        let demanded = SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT
        unsafe SSL_CTX_set_verify(
            pointer.address, settings.demandsCertificate ? demanded : SSL_VERIFY_NONE, TLSPeerCheck.onVerified)
        switch settings.role {
        case .server: unsafe SSL_CTX_set_alpn_select_cb(pointer.address, ApplicationProtocol.select, nil)
        case .client: _ = unsafe SSL_CTX_set_alpn_protos(pointer.address, ApplicationProtocol.offer, 3)
        }
    }

    private func configureSessions() {
        unsafe SSL_CTX_set_timeout(pointer.address, Self.sessionLifetime)
        switch settings.role {
        case .server:
            unsafe meridian_tls_keep_nothing(pointer.address)
            unsafe SSL_CTX_set_num_tickets(pointer.address, Self.ticketsAConnection)
            let scope: [UInt8] = Array("meridian".utf8)
            _ = unsafe SSL_CTX_set_session_id_context(pointer.address, scope, UInt32(scope.count))
        case .client:
            unsafe meridian_tls_keep_outside(pointer.address)
            unsafe SSL_CTX_sess_set_new_cb(pointer.address, TLSEngine.onNewSession)
        }
    }

    /// A new `SSL`, ready for its handshake; `host` is what a client verifies and whose session it resumes.
    func makeConnection(host: String?) throws(TLSFailure) -> OpaquePointer {
        ERR_clear_error()
        guard let connection = unsafe SSL_new(pointer.address) else { throw .other(reason: 0) }
        guard let host else {
            unsafe SSL_set_accept_state(connection)
            return unsafe connection
        }
        unsafe SSL_set_connect_state(connection)
        guard unsafe expect(host, of: connection) else {
            unsafe SSL_free(connection)
            throw .wrongName
        }
        unsafe sessions.resume(host, on: connection)
        return unsafe connection
    }

    /// Addresses stand in a certificate as addresses, and are not sent as server names (RFC 6066 section 3).
    private func expect(_ host: String, of connection: OpaquePointer) -> Bool {
        let verifies = settings.peerName.verifiesHost
        if TLSPeerCheck.isAddress(host) {
            let parameters = unsafe SSL_get0_param(connection)
            return unsafe !verifies || X509_VERIFY_PARAM_set1_ip_asc(parameters, host) == 1
        }
        guard unsafe meridian_tls_set_server_name(connection, host) == 1 else { return false }
        guard verifies else { return true }
        unsafe SSL_set_hostflags(connection, UInt32(X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS))
        return unsafe SSL_set1_host(connection, host) == 1
    }
}

/// The one reference of a `NativeTLSContext`.
@safe private final class SharedContext: Sendable {
    private let bits: UInt

    init(_ address: OpaquePointer) { bits = UInt(bitPattern: address) }

    deinit { unsafe SSL_CTX_free(address) }

    var address: OpaquePointer? { unsafe OpaquePointer(bitPattern: bits) }
}
