// Who the peer is: its certificate's URI SAN, and whether that is whom we expect.

private import COpenSSL
import Glibc

enum TLSPeerCheck {
    private static let maxURIBytes: Int32 = 512

    /// Stands for X509_V_ERR_CRL_HAS_EXPIRED, which OpenSSL would tell the peer as "certificate expired": of a certificate that
    /// is good. For this one it says "certificate unknown".
    static let listIsPast: Int32 = X509_V_ERR_OCSP_VERIFY_FAILED

    /// Called by OpenSSL for each certificate of a chain, after its own checks: the last word on the peer's own.
    static let onVerified: @convention(c) (Int32, OpaquePointer?) -> Int32 = { isGood, store in
        if isGood != 1, unsafe X509_STORE_CTX_get_error(store) == X509_V_ERR_CRL_HAS_EXPIRED {
            unsafe X509_STORE_CTX_set_error(store, listIsPast)
        }
        guard isGood == 1, unsafe X509_STORE_CTX_get_error_depth(store) == 0 else { return isGood }
        let index = SSL_get_ex_data_X509_STORE_CTX_idx()
        guard let connection = unsafe X509_STORE_CTX_get_ex_data(store, index).map({ OpaquePointer($0) }),
            let owner = unsafe SSL_CTX_get_ex_data(SSL_get_SSL_CTX(connection), 0)
        else { return 0 }
        let context = unsafe Unmanaged<NativeTLSContext>.fromOpaque(owner).takeUnretainedValue()
        let uri = unsafe X509_STORE_CTX_get_current_cert(store).flatMap { unsafe TLSPeerCheck.uri(of: $0) }
        guard !context.settings.peerName.admits(uri) else { return 1 }
        unsafe X509_STORE_CTX_set_error(store, X509_V_ERR_APPLICATION_VERIFICATION)
        return 0
    }

    /// The check of a handshake that is over: a resumed one has verified no chain. Gives the peer's URI SAN.
    static func finish(_ connection: OpaquePointer, _ settings: TLSSettings) throws(TLSFailure) -> String? {
        guard let certificate = unsafe SSL_get0_peer_certificate(connection) else {
            if settings.demandsCertificate { throw .noCertificate }
            return nil
        }
        if unsafe meridian_x509_has_expired(certificate) == 1 { throw .certificateExpired }
        let uri = unsafe uri(of: certificate)
        guard settings.peerName.admits(uri) else { throw .wrongIdentity }
        return uri
    }

    private static func uri(of certificate: OpaquePointer) -> String? {
        var text = [CChar](repeating: 0, count: Int(maxURIBytes))
        let count = unsafe meridian_x509_uri(certificate, &text, maxURIBytes)
        guard count > 0 else { return nil }
        return String(decoding: text[..<Int(count)].map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    /// Whether `host` is an IP address rather than a name.
    static func isAddress(_ host: String) -> Bool {
        var bytes = in6_addr()
        return unsafe inet_pton(AF_INET, host, &bytes) == 1 || inet_pton(AF_INET6, host, &bytes) == 1
    }
}
