// What stands in the files of a TLS identity: read for people and for checks, apart from any connection.

private import COpenSSL

/// Certificates, authorities and revocation lists of PEM files, without a judgement on their times. A value.
package struct CredentialFiles: Hashable, Sendable {
    package struct Document: Hashable, Sendable {
        package var file: String
        /// Whose it is; of a revocation list its issuer.
        package var subject: String
        /// Seconds since 1970 UTC; nil where a time cannot be read, or there is none.
        package var beginsAt: Int64?
        package var endsAt: Int64?
    }

    /// The identity's own certificate, the first of its file.
    package let certificate: Document
    /// Its one URI SAN.
    package let uri: String?
    /// OpenSSL's word for why its chain does not end in one of the authorities; nil when it does.
    package let chainFailure: String?
    package let servesAsServer: Bool
    package let servesAsClient: Bool
    package let authorities: [Document]
    package private(set) var isRevoked = false
    package private(set) var revocationLists: [Document] = []
    /// The file of lists, where none of the authorities signed one of them.
    package private(set) var foreignList: String?

    /// Documents of one file; what follows is left alone.
    private static let maxDocuments = 256

    /// Blocks on the disk. Throws for a file in which nothing of its kind can be read.
    package init(
        authorityPath: String, certificatePath: String, revocationPath: String?
    ) throws(TLSContextError) {
        ERR_clear_error()
        guard let own = try Self.certificates(certificatePath).first else {
            throw TLSContextError(message: "\(certificatePath) is not a readable PEM certificate")
        }
        certificate = own.document(in: certificatePath)
        uri = own.uri
        authorities = try Self.certificates(authorityPath).map { $0.document(in: authorityPath) }
        guard !authorities.isEmpty else {
            throw TLSContextError(message: "\(authorityPath) is not a readable PEM file of certificate authorities")
        }
        func failure(_ purpose: Int32) -> Int32 {
            unsafe meridian_x509_verify_file(authorityPath, certificatePath, purpose)
        }
        let chain = failure(0)
        chainFailure = chain == X509_V_OK ? nil : unsafe String(cString: X509_verify_cert_error_string(Int(chain)))
        servesAsServer = failure(X509_PURPOSE_SSL_SERVER) == X509_V_OK
        servesAsClient = failure(X509_PURPOSE_SSL_CLIENT) == X509_V_OK
        if let revocationPath { try readLists(revocationPath, authorityPath, own) }
        ERR_clear_error()
    }

    private mutating func readLists(
        _ path: String, _ authorityPath: String, _ own: ReadCertificate
    ) throws(TLSContextError) {
        guard let file = unsafe BIO_new_file(path, "r") else {
            throw TLSContextError(message: "\(path) cannot be read")
        }
        defer { unsafe BIO_free(file) }
        while revocationLists.count < Self.maxDocuments, let list = unsafe PEM_read_bio_X509_CRL(file, nil, nil, nil) {
            defer { unsafe X509_CRL_free(list) }
            revocationLists.append(
                Document(
                    file: path, subject: unsafe readName(X509_CRL_get_issuer(list)),
                    beginsAt: unsafe readSeconds(X509_CRL_get0_lastUpdate(list)),
                    endsAt: unsafe readSeconds(X509_CRL_get0_nextUpdate(list))))
            if unsafe meridian_x509_signed_list(authorityPath, list) == 0 { foreignList = path }
            if unsafe meridian_x509_is_revoked(list, own.address) == 1 { isRevoked = true }
        }
        guard !revocationLists.isEmpty else {
            throw TLSContextError(message: "\(path) is not a readable PEM file of revocation lists")
        }
    }

    private static func certificates(_ path: String) throws(TLSContextError) -> [ReadCertificate] {
        guard let file = unsafe BIO_new_file(path, "r") else {
            ERR_clear_error()
            throw TLSContextError(message: "\(path) cannot be read")
        }
        defer { unsafe BIO_free(file) }
        var found: [ReadCertificate] = []
        while found.count < maxDocuments, let next = unsafe PEM_read_bio_X509(file, nil, nil, nil) {
            found.append(unsafe ReadCertificate(next))
        }
        return found
    }
}

/// Owns an `X509`.
@safe private final class ReadCertificate {
    private static let maxURIBytes: Int32 = 512

    private let bits: UInt

    init(_ address: OpaquePointer) { bits = UInt(bitPattern: address) }

    deinit { unsafe X509_free(address) }

    var address: OpaquePointer? { unsafe OpaquePointer(bitPattern: bits) }

    func document(in path: String) -> CredentialFiles.Document {
        CredentialFiles.Document(
            file: path, subject: unsafe readName(X509_get_subject_name(address)),
            beginsAt: unsafe readSeconds(X509_get0_notBefore(address)),
            endsAt: unsafe readSeconds(X509_get0_notAfter(address)))
    }

    var uri: String? {
        var text = [CChar](repeating: 0, count: Int(Self.maxURIBytes))
        let count = unsafe meridian_x509_uri(address, &text, Self.maxURIBytes)
        guard count > 0 else { return nil }
        return String(decoding: text[..<Int(count)].map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}

private func readSeconds(_ time: UnsafePointer<ASN1_TIME>?) -> Int64? {
    let seconds = unsafe meridian_asn1_seconds(time)
    return seconds == .min ? nil : seconds
}

private func readName(_ name: OpaquePointer?) -> String {
    var text = [CChar](repeating: 0, count: 256)
    unsafe meridian_x509_name(name, &text, Int32(text.count))
    return String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
}
