// Certificates of a deployment that a command runs by itself on this machine.

package import NodeEnvironment

/// One CA, a certificate a node and a client, in one directory. Blocks on the disk.
package struct FleetCertificates: Sendable {
    private static let days = 30

    private let store: CertificateDirectory

    package init(directory: String, files: any FileStore) {
        store = CertificateDirectory(path: directory, files: files)
    }

    /// A node that serves on the loopback interface.
    package func node(_ name: String, of region: String) throws(OperatorFailure) -> TLSIdentity {
        try issue(
            CertificateAuthority.Subject(
                commonName: "\(region) \(name)", uri: "meridian://\(NodeSettings.deployment)/\(region)/\(name)",
                hosts: ["127.0.0.1"]), "\(region)-\(name)")
    }

    /// What the client may do the nodes' rules say.
    package func client(_ name: String) throws(OperatorFailure) -> TLSIdentity {
        try issue(
            CertificateAuthority.Subject(
                commonName: name, uri: "meridian://\(NodeSettings.deployment)/client/\(name)"), "client-\(name)")
    }

    private func issue(
        _ subject: CertificateAuthority.Subject, _ stem: String
    ) throws(OperatorFailure) -> TLSIdentity {
        let issued = try store.authority(deployment: NodeSettings.deployment).issue(subject, days: Self.days)
        let paths = try store.create(stem, issued)
        return TLSIdentity(
            authorityPath: store.authorityPath, certificatePath: paths.certificate, keyPath: paths.key)
    }
}
