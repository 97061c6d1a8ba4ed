// The certificates that an authority has taken back: for connections that stand, whose handshakes are long over.

private import COpenSSL

/// The lists of one file. Immutable; from any thread.
@safe final class RevocationLists: Sendable {
    /// Lists of one file; what follows is left alone.
    private static let maxLists = 256

    private let bits: [UInt]

    init(_ path: String) throws(TLSContextError) {
        ERR_clear_error()
        guard let file = unsafe BIO_new_file(path, "r") else {
            ERR_clear_error()
            throw TLSContextError(message: "\(path) cannot be read")
        }
        defer { unsafe BIO_free(file) }
        var found: [UInt] = []
        while found.count < Self.maxLists, let list = unsafe PEM_read_bio_X509_CRL(file, nil, nil, nil) {
            found.append(UInt(bitPattern: list))
        }
        ERR_clear_error()
        bits = found
    }

    deinit {
        for one in bits { unsafe X509_CRL_free(OpaquePointer(bitPattern: one)) }
    }

    /// Whether one of the lists names the certificate that the peer of `connection` has shown.
    func nameThePeer(of connection: OpaquePointer) -> Bool {
        guard let certificate = unsafe SSL_get0_peer_certificate(connection) else { return false }
        return bits.contains { unsafe meridian_x509_is_revoked(OpaquePointer(bitPattern: $0), certificate) == 1 }
    }
}
