// Certificates for the tests, made anew in each run.

import Foundation
import NodeEnvironment
import OperatorCommands

/// A directory with an authority and what it issued. Removed with the last reference.
final class TestCertificates: Sendable {
    let server: TLSIdentity
    let client: TLSIdentity
    private let directory: URL
    private let authorityPEM: [UInt8]
    private let authorityKeyPEM: [UInt8]

    static let clientURI = "meridian://test/client/phone"

    init() throws {
        directory = FileManager.default.temporaryDirectory.appending(path: "meridian-tls-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
        let made = try CertificateAuthority(name: "test", days: 1)
        authorityPEM = try made.certificatePEM()
        authorityKeyPEM = try made.keyPEM()
        server = try Self.issue(
            made, "server", uri: "meridian://test/here/node", hosts: ["127.0.0.1", "localhost"], directory)
        client = try Self.issue(made, "client", uri: Self.clientURI, hosts: [], directory)
    }

    deinit { try? FileManager.default.removeItem(at: directory) }

    /// Another certificate of the same authority.
    func issue(_ name: String, uri: String = clientURI, hosts: [String] = [], days: Int = 1) throws -> TLSIdentity {
        let made = try CertificateAuthority(certificatePEM: authorityPEM, keyPEM: authorityKeyPEM)
        return try Self.issue(made, name, uri: uri, hosts: hosts, days: days, directory)
    }

    /// The authority's own files, for a tool that signs with them.
    func writeAuthority(into directory: String) throws -> (certificate: String, key: String) {
        let paths = (certificate: "\(directory)/authority.pem", key: "\(directory)/authority.key")
        try Data(authorityPEM).write(to: URL(filePath: paths.certificate))
        try Data(authorityKeyPEM).write(to: URL(filePath: paths.key))
        return paths
    }

    private static func issue(
        _ authority: CertificateAuthority, _ name: String, uri: String, hosts: [String], days: Int = 1, _ directory: URL
    ) throws -> TLSIdentity {
        let issued = try authority.issue(.init(commonName: name, uri: uri, hosts: hosts), days: days)
        func write(_ file: String, _ bytes: [UInt8]) throws -> String {
            let url = directory.appending(path: file)
            try Data(bytes).write(to: url)
            return url.path
        }
        return TLSIdentity(
            authorityPath: try write("ca.pem", try authority.certificatePEM()),
            certificatePath: try write("\(name).pem", issued.certificatePEM),
            keyPath: try write("\(name).key", issued.keyPEM))
    }
}
