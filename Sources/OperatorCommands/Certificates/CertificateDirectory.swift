// The files of `certs issue`: ca.pem, ca.key, and a .pem and .key of each certificate, all with mode 0600.

package import NodeEnvironment

/// A directory of PEM files. Files are created, never replaced. Blocks on the disk.
package struct CertificateDirectory: Sendable {
    private let path: String
    private let files: any FileStore

    package init(path: String, files: any FileStore) {
        self.path = path
        self.files = files
    }

    package var authorityPath: String { "\(path)/ca.pem" }

    /// The CA of the directory, made for ten years when there is none. Refuses one of another deployment.
    package func authority(deployment: String) throws(OperatorFailure) -> CertificateAuthority {
        guard !files.exists(authorityPath) else {
            let authority = try CertificateAuthority(
                certificatePEM: try read(authorityPath), keyPEM: try read("\(path)/ca.key"))
            // A CA from elsewhere says nothing of deployments: whoever brings it knows for whom.
            guard let own = authority.deployment, own != deployment else { return authority }
            throw OperatorFailure(
                .refused, "\(authorityPath) is the CA of deployment \(own), not of \(deployment)",
                nextStep: "give --deployment \(own), or another --out")
        }
        let authority = try CertificateAuthority(
            name: "Meridian CA of \(deployment)", days: 3_650, deployment: deployment)
        _ = try create("ca.key", try authority.keyPEM())
        _ = try create("ca.pem", try authority.certificatePEM())
        return authority
    }

    /// Creates a certificate's two files, or neither where one of them is there already.
    package func create(
        _ stem: String, _ issued: CertificateAuthority.Issued
    ) throws(OperatorFailure) -> (certificate: String, key: String) {
        for name in ["\(stem).pem", "\(stem).key"] where files.exists("\(path)/\(name)") {
            throw OperatorFailure(
                .refused, "\(path)/\(name) is there already", nextStep: "move it away, or give another --out")
        }
        let key = try create("\(stem).key", issued.keyPEM)
        return (try create("\(stem).pem", issued.certificatePEM), key)
    }

    /// Creates a synced file and returns its path.
    package func create(_ name: String, _ bytes: [UInt8]) throws(OperatorFailure) -> String {
        guard !name.contains("/") else {
            throw OperatorFailure(.usage, "\"\(name)\" has a slash", nextStep: "use names without slashes")
        }
        let file = "\(path)/\(name)"
        do {
            try files.createDirectory(path)
            let created = try files.open(file, .createNew)
            defer { created.close() }
            try created.write(bytes, at: 0)
            try created.synchronizeData()
        } catch {
            throw OperatorFailure(.refused, "\(error)", nextStep: "move \(file) away, or give another --out")
        }
        return file
    }

    private func read(_ path: String) throws(OperatorFailure) -> [UInt8] {
        do {
            let file = try files.open(path, .read)
            defer { file.close() }
            return try file.read(at: 0, count: 64 << 10)
        } catch {
            throw OperatorFailure(.usage, "\(error)", nextStep: "give the directory of the CA that `certs issue` made")
        }
    }
}
