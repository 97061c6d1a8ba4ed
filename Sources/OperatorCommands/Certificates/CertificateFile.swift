// What a certificate says of itself.

import COpenSSL
package import NodeEnvironment

/// Reads PEM certificates. Verifies nothing: whoever connects does.
package enum CertificateFile {
    private static let maxBytes = 64 << 10
    private static let maxURIBytes: Int32 = 512

    /// The URI SAN of the certificate in a file; nil where it has none. Throws for a file that cannot be read, or is no
    /// certificate. Blocks on the disk.
    package static func identity(in path: String, files: any FileStore) throws(OperatorFailure) -> String? {
        let pem: [UInt8]
        do {
            let file = try files.open(path, .read)
            defer { file.close() }
            pem = try file.read(at: 0, count: maxBytes)
        } catch {
            throw OperatorFailure(.usage, "\(error)", nextStep: "give --certificate a PEM file that can be read")
        }
        return try identity(of: pem, named: path)
    }

    /// The same for bytes that were read already.
    package static func identity(of pem: [UInt8], named path: String) throws(OperatorFailure) -> String? {
        guard let bio = unsafe BIO_new_mem_buf(pem, Int32(clamping: pem.count)) else {
            throw OperatorFailure(.usage, "OpenSSL has no memory for \(path)")
        }
        defer { unsafe BIO_free(bio) }
        guard let certificate = unsafe PEM_read_bio_X509(bio, nil, nil, nil) else {
            ERR_clear_error()
            throw OperatorFailure(.usage, "\(path) is no PEM certificate", nextStep: "give the .pem file, not the key")
        }
        defer { unsafe X509_free(certificate) }
        var text = [CChar](repeating: 0, count: Int(maxURIBytes))
        let count = unsafe meridian_x509_uri(certificate, &text, maxURIBytes)
        guard count > 0 else { return nil }
        return String(decoding: text[..<Int(count)].map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}
