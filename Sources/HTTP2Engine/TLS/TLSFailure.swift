// Why TLS refused a peer, or a peer us.

import COpenSSL

/// A failed check of a handshake or of a record.
package enum TLSFailure: Error, Hashable, Sendable, CustomStringConvertible {
    case certificateExpired
    case certificateNotYetValid
    /// The chain does not end in our authority.
    case unknownAuthority
    /// The certificate is not for the host that was dialled.
    case wrongName
    /// The certificate's URI SAN is not the one that is expected.
    case wrongIdentity
    case certificateRevoked
    /// The revocation list of the certificate's issuer is past its date: nobody is admitted before it is signed anew.
    case revocationExpired
    /// There is no valid revocation list of the certificate's issuer.
    case revocationUnknown
    /// The peer showed no certificate where one is demanded.
    case noCertificate
    /// The certificate may not be used by this side of a link.
    case wrongPurpose
    /// Another failed check of the certificate, by OpenSSL's number.
    case certificateRejected(code: Int)
    /// The peer does not offer HTTP/2 by ALPN.
    case noApplicationProtocol
    /// The peer does not speak TLS 1.3, nor 1.2 where that is allowed.
    case protocolVersion
    /// The bytes are not TLS.
    case notTLS
    /// The peer ended the handshake with an alert (RFC 8446 section 6).
    case refusedByPeer(alert: Int)
    /// The peer closed its side in good order.
    case closed
    /// Another failure, by libssl's reason number.
    case other(reason: Int)

    package var description: String {
        switch self {
        case .certificateExpired: "the peer's certificate has expired"
        case .certificateNotYetValid: "the peer's certificate is not valid yet"
        case .unknownAuthority: "the peer's certificate was issued by an unknown authority"
        case .wrongName: "the peer's certificate is for another name"
        case .wrongIdentity: "the peer's certificate is for another identity"
        case .certificateRevoked: "the peer's certificate was revoked"
        case .revocationExpired: "the revocation list for the peer's certificate is past its date"
        case .revocationUnknown: "there is no valid revocation list for the peer's certificate"
        case .noCertificate: "the peer showed no certificate"
        case .wrongPurpose: "the peer's certificate is for another purpose"
        case .certificateRejected(let code): "the peer's certificate was rejected (X.509 error \(code))"
        case .noApplicationProtocol: "the peer does not offer h2"
        case .protocolVersion: "the peer speaks no version of TLS that is allowed"
        case .notTLS: "the peer does not speak TLS"
        case .refusedByPeer(let alert): "the peer refused with TLS alert \(alert)\(Self.name(ofAlert: alert))"
        case .closed: "the peer closed"
        case .other(let reason): "TLS failed (reason \(reason))"
        }
    }

    private static func name(ofAlert alert: Int) -> String {
        switch alert {
        case 40: " (handshake failure: it may not take this certificate's identity)"
        case 42: " (bad certificate)"
        case 44: " (certificate revoked)"
        case 45: " (certificate expired)"
        case 46: " (certificate unknown; so it says, too, when its own revocation list is past its date)"
        case 48: " (unknown authority)"
        case 70: " (protocol version)"
        case 116: " (certificate required)"
        case 120: " (no application protocol)"
        default: ""
        }
    }

    /// The check that OpenSSL's verification result names; nil when it is content.
    init?(verification code: Int) {
        switch Int32(clamping: code) {
        case X509_V_OK: return nil
        case X509_V_ERR_CERT_HAS_EXPIRED: self = .certificateExpired
        case X509_V_ERR_CERT_NOT_YET_VALID: self = .certificateNotYetValid
        case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT, X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY,
            X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE, X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT,
            X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN, X509_V_ERR_CERT_SIGNATURE_FAILURE:
            self = .unknownAuthority
        case X509_V_ERR_HOSTNAME_MISMATCH, X509_V_ERR_IP_ADDRESS_MISMATCH: self = .wrongName
        case X509_V_ERR_APPLICATION_VERIFICATION: self = .wrongIdentity
        case X509_V_ERR_CERT_REVOKED: self = .certificateRevoked
        case X509_V_ERR_CRL_HAS_EXPIRED, TLSPeerCheck.listIsPast: self = .revocationExpired
        case X509_V_ERR_UNABLE_TO_GET_CRL, X509_V_ERR_CRL_NOT_YET_VALID,
            X509_V_ERR_UNABLE_TO_GET_CRL_ISSUER, X509_V_ERR_CRL_SIGNATURE_FAILURE:
            self = .revocationUnknown
        case X509_V_ERR_INVALID_PURPOSE: self = .wrongPurpose
        default: self = .certificateRejected(code: code)
        }
    }

    /// What libssl's reason means. Alerts of the peer are numbered from 1000.
    init(reason: Int) {
        switch Int32(clamping: reason) {
        case SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE: self = .noCertificate
        case SSL_R_NO_APPLICATION_PROTOCOL: self = .noApplicationProtocol
        case SSL_R_UNSUPPORTED_PROTOCOL, SSL_R_NO_PROTOCOLS_AVAILABLE: self = .protocolVersion
        case SSL_R_WRONG_VERSION_NUMBER, SSL_R_HTTP_REQUEST, SSL_R_HTTPS_PROXY_REQUEST: self = .notTLS
        case 1_000...1_255: self = .refusedByPeer(alert: reason - 1_000)
        default: self = .other(reason: reason)
        }
    }
}

/// Why a TLS identity cannot be used: the file at fault.
package struct TLSContextError: Error, Hashable, Sendable, CustomStringConvertible {
    package var message: String

    package var description: String { message }
}
