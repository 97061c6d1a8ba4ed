// The openssl command: what our own authority does not make, and a peer that speaks TLS in its own way.

import Foundation
import NodeEnvironment

/// An authority's book-keeping as `openssl ca` wants it, in a directory of its own that goes with the last reference.
final class OpenSSLCommand: Sendable {
    static let isInstalled = FileManager.default.isExecutableFile(atPath: "/usr/bin/openssl")

    private let directory: URL

    init() throws {
        directory = FileManager.default.temporaryDirectory.appending(path: "meridian-openssl-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
        let configuration = """
            [ca]
            default_ca = made
            [made]
            dir = \(directory.path)
            database = $dir/index
            serial = $dir/serial
            new_certs_dir = $dir
            default_md = sha256
            default_days = 1
            default_crl_days = 1
            policy = any
            copy_extensions = copy
            [any]
            commonName = supplied
            """
        try write("configuration", configuration)
        try write("index", "")
        try write("serial", "7000")
    }

    deinit { try? FileManager.default.removeItem(at: directory) }

    private func path(_ name: String) -> String { directory.appending(path: name).path }

    private func write(_ name: String, _ text: String) throws {
        try Data(text.utf8).write(to: URL(filePath: path(name)))
    }

    /// A list, signed by the authority of `files`, of the certificates at `revoked`. Its path.
    func revocationList(_ files: TestCertificates, revoking revoked: [String] = []) throws -> String {
        let authority = try files.writeAuthority(into: directory.path)
        let ca = ["ca", "-config", path("configuration"), "-cert", authority.certificate, "-keyfile", authority.key]
        for certificate in revoked { try Self.run(ca + ["-revoke", certificate]) }
        let list = path("list-\(UUID().uuidString).pem")
        try Self.run(ca + ["-gencrl", "-out", list])
        return list
    }

    /// A list that was to be signed again in the year 2020.
    func expiredRevocationList(_ files: TestCertificates) throws -> String {
        let authority = try files.writeAuthority(into: directory.path)
        let list = path("expired.pem")
        try Self.run([
            "ca", "-config", path("configuration"), "-cert", authority.certificate, "-keyfile", authority.key,
            "-gencrl",
            "-crl_lastupdate", "20190101000000Z", "-crl_nextupdate", "20200101000000Z", "-out", list,
        ])
        return list
    }

    /// A client's certificate that begins to be valid in many years.
    func futureCertificate(_ files: TestCertificates) throws -> TLSIdentity {
        let authority = try files.writeAuthority(into: directory.path)
        try Self.run([
            "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", path("future.key"),
            "-out", path("future.csr"), "-subj", "/CN=future", "-addext", "extendedKeyUsage=clientAuth",
        ])
        try Self.run([
            "ca", "-batch", "-config", path("configuration"), "-cert", authority.certificate, "-keyfile",
            authority.key, "-in", path("future.csr"), "-out", path("future.pem"), "-startdate", "20980101000000Z",
            "-enddate", "20990101000000Z", "-notext",
        ])
        return TLSIdentity(
            authorityPath: files.client.authorityPath, certificatePath: path("future.pem"), keyPath: path("future.key"))
    }

    struct Failed: Error { var output: String }

    /// Runs `openssl` with an empty standard input; its output, errors included.
    @discardableResult static func run(_ arguments: [String], mayFail: Bool = false) throws -> String {
        let (status, text) = try ToolProcess.run("/usr/bin/openssl", arguments)
        guard mayFail || status == 0 else { throw Failed(output: text) }
        return text
    }
}
