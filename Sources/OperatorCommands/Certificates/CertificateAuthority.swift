// A certificate authority of a deployment, by OpenSSL's C API. All of OpenSSL that the commands use stands here.

import COpenSSL

/// Makes a CA, and certificates that it signs: ECDSA P-256, SHA-256, X.509 v3. For one task at a time. The CA's key
/// stays in memory and in the PEM that is asked for.
@safe package final class CertificateAuthority {
    package struct Issued: Hashable, Sendable {
        package var certificatePEM: [UInt8]
        package var keyPEM: [UInt8]
    }

    /// What a certificate names.
    package struct Subject: Hashable, Sendable {
        package var commonName: String
        /// The identity: `meridian://<deployment>/<region>/<node>` or `meridian://<deployment>/client/<name>`.
        package var uri: String
        /// Names and addresses that a server answers at; empty for a client.
        package var hosts: [String]

        package init(commonName: String, uri: String, hosts: [String] = []) {
            self.commonName = commonName
            self.uri = uri
            self.hosts = hosts
        }
    }

    private let key: OpaquePointer
    private let certificate: OpaquePointer

    /// The deployment that a CA made here carries as `meridian://<deployment>/ca`; nil for a CA from elsewhere, which
    /// carries none.
    package let deployment: String?

    /// A new self-signed CA; of one deployment where one is named. `days` is how long it is valid.
    package init(name: String, days: Int, deployment: String? = nil) throws(OperatorFailure) {
        let identity = deployment.map { "meridian://\($0)/ca" }
        try Self.checkNames(identity.map { [$0] } ?? [])
        self.deployment = deployment
        var extensions: [(Int32, String)] = [
            (NID_basic_constraints, "critical,CA:TRUE,pathlen:0"), (NID_key_usage, "critical,keyCertSign,cRLSign"),
            (NID_subject_key_identifier, "hash"),
        ]
        if let identity { extensions.append((NID_subject_alt_name, "URI:\(identity)")) }
        unsafe key = try Self.makeKey()
        unsafe certificate = try Self.makeCertificate(
            commonName: name, days: days, key: key, issuer: nil, issuerKey: key, extensions: extensions)
    }

    /// A CA that was made before, from its PEM files.
    package init(certificatePEM: [UInt8], keyPEM: [UInt8]) throws(OperatorFailure) {
        deployment = Self.deployment(
            in: try CertificateFile.identity(of: certificatePEM, named: "the CA's certificate"))
        unsafe certificate = try Self.read(certificatePEM) { bio in unsafe PEM_read_bio_X509(bio, nil, nil, nil) }
        unsafe key = try Self.read(keyPEM) { bio in unsafe PEM_read_bio_PrivateKey(bio, nil, nil, nil) }
    }

    deinit {
        unsafe EVP_PKEY_free(key)
        unsafe X509_free(certificate)
    }

    package func certificatePEM() throws(OperatorFailure) -> [UInt8] {
        unsafe try Self.write { bio in unsafe PEM_write_bio_X509(bio, certificate) }
    }

    package func keyPEM() throws(OperatorFailure) -> [UInt8] { unsafe try Self.keyPEM(key) }

    /// A new key and its certificate.
    package func issue(_ subject: Subject, days: Int) throws(OperatorFailure) -> Issued {
        let leaf = unsafe try Self.makeKey()
        defer { unsafe EVP_PKEY_free(leaf) }
        let names = try Self.alternativeNames(subject)
        let usage = subject.hosts.isEmpty ? "clientAuth" : "serverAuth,clientAuth"
        let issued = unsafe try Self.makeCertificate(
            commonName: subject.commonName, days: days, key: leaf, issuer: certificate, issuerKey: key,
            extensions: [
                (NID_basic_constraints, "critical,CA:FALSE"), (NID_key_usage, "critical,digitalSignature"),
                (NID_ext_key_usage, usage), (NID_subject_key_identifier, "hash"),
                (NID_authority_key_identifier, "keyid"), (NID_subject_alt_name, names),
            ])
        defer { unsafe X509_free(issued) }
        let pem = unsafe try Self.write { bio in unsafe PEM_write_bio_X509(bio, issued) }
        return Issued(certificatePEM: pem, keyPEM: unsafe try Self.keyPEM(leaf))
    }

    private static func deployment(in uri: String?) -> String? {
        let parts = uri?.split(separator: "/", omittingEmptySubsequences: false) ?? []
        guard parts.count == 4, parts[0] == "meridian:", parts[1].isEmpty, parts[3] == "ca" else { return nil }
        return String(parts[2])
    }

    /// OpenSSL reads the names as configuration text, so what could end a name early is refused.
    private static func checkNames(_ names: [String]) throws(OperatorFailure) {
        for name in names {
            guard !name.isEmpty, name.utf8.count <= 255,
                name.unicodeScalars.allSatisfy({
                    $0.isASCII
                        && ($0.properties.isAlphabetic || $0.properties.numericType != nil
                            || "-._:/".unicodeScalars.contains($0))
                })
            else {
                throw OperatorFailure(
                    .usage, "\"\(name)\" cannot stand in a certificate",
                    nextStep: "use letters, digits and - . _ only, at most 255 of them")
            }
        }
    }

    private static func alternativeNames(_ subject: Subject) throws(OperatorFailure) -> String {
        try checkNames([subject.uri] + subject.hosts)
        let hosts = subject.hosts.map { host in
            host.contains(":") || host.allSatisfy { $0.isNumber || $0 == "." } ? "IP:\(host)" : "DNS:\(host)"
        }
        return (["URI:\(subject.uri)"] + hosts).joined(separator: ",")
    }

    private static func makeKey() throws(OperatorFailure) -> OpaquePointer {
        guard let context = unsafe EVP_PKEY_CTX_new_from_name(nil, "EC", nil) else { throw failure("EC keys") }
        defer { unsafe EVP_PKEY_CTX_free(context) }
        var key: OpaquePointer?
        guard unsafe EVP_PKEY_keygen_init(context) == 1, unsafe EVP_PKEY_CTX_set_group_name(context, "P-256") == 1,
            unsafe EVP_PKEY_generate(context, &key) == 1, let key = unsafe key
        else { throw failure("key generation") }
        return unsafe key
    }

    private static func makeCertificate(
        commonName: String, days: Int, key: OpaquePointer, issuer: OpaquePointer?, issuerKey: OpaquePointer,
        extensions: [(Int32, String)]
    ) throws(OperatorFailure) -> OpaquePointer {
        guard let certificate = unsafe X509_new() else { throw failure("X509_new") }
        var serial: UInt64 = 0
        let name = unsafe X509_get_subject_name(certificate)
        // Five minutes back: a verifier's clock may be behind ours.
        guard unsafe RAND_bytes(&serial, 8) == 1, unsafe X509_set_version(certificate, 2) == 1,
            unsafe ASN1_INTEGER_set_uint64(X509_get_serialNumber(certificate), serial >> 1 | 1) == 1,
            unsafe X509_gmtime_adj(X509_getm_notBefore(certificate), -300) != nil,
            unsafe X509_gmtime_adj(X509_getm_notAfter(certificate), days * 86_400) != nil,
            unsafe X509_set_pubkey(certificate, key) == 1,
            unsafe X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_FLAG | 1, commonName, -1, -1, 0) == 1,
            unsafe X509_set_issuer_name(certificate, X509_get_subject_name(issuer ?? certificate)) == 1,
            unsafe add(extensions, to: certificate, issuer: issuer ?? certificate),
            unsafe X509_sign(certificate, issuerKey, EVP_sha256()) > 0
        else {
            unsafe X509_free(certificate)
            throw failure("making a certificate")
        }
        return unsafe certificate
    }

    private static func add(_ extensions: [(Int32, String)], to certificate: OpaquePointer, issuer: OpaquePointer)
        -> Bool
    {
        var context = unsafe X509V3_CTX()
        unsafe X509V3_set_ctx(&context, issuer, certificate, nil, nil, 0)
        for (kind, value) in extensions {
            guard let built = unsafe X509V3_EXT_nconf_nid(nil, &context, kind, value) else { return false }
            defer { unsafe X509_EXTENSION_free(built) }
            guard unsafe X509_add_ext(certificate, built, -1) == 1 else { return false }
        }
        return true
    }

    private static func keyPEM(_ key: OpaquePointer) throws(OperatorFailure) -> [UInt8] {
        unsafe try write { bio in unsafe PEM_write_bio_PrivateKey(bio, key, nil, nil, 0, nil, nil) }
    }

    private static func write(_ body: (OpaquePointer) -> Int32) throws(OperatorFailure) -> [UInt8] {
        guard let bio = unsafe BIO_new(BIO_s_mem()) else { throw failure("BIO_new") }
        defer { unsafe BIO_free(bio) }
        guard unsafe body(bio) == 1 else { throw failure("writing PEM") }
        var pem: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 4_096)
        while true {
            let count = unsafe BIO_read(bio, &chunk, Int32(chunk.count))
            guard count > 0 else { return pem }
            pem += chunk[..<Int(count)]
        }
    }

    private static func read(
        _ pem: [UInt8], _ body: (OpaquePointer) -> OpaquePointer?
    ) throws(OperatorFailure) -> OpaquePointer {
        guard let bio = unsafe BIO_new_mem_buf(pem, Int32(clamping: pem.count)) else { throw failure("BIO_new") }
        defer { unsafe BIO_free(bio) }
        guard let value = unsafe body(bio) else {
            throw OperatorFailure(
                .usage, "the CA's files are not PEM", nextStep: "give the directory that `certs issue` made")
        }
        return unsafe value
    }

    private static func failure(_ what: String) -> OperatorFailure {
        let code = ERR_get_error()
        ERR_clear_error()
        return OperatorFailure(
            .usage, "OpenSSL refused \(what) (code \(code))", nextStep: "check the names that were given")
    }
}
