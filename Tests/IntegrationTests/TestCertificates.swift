// Certificates of a test's deployment, and of strangers.

import HostEnvironment
import NodeEnvironment

@testable import OperatorCommands

/// Files in the scratch directory of a test.
enum TestCertificates {
    /// A node's and an operator's files, of one CA.
    static func make(_ scratch: ScratchDirectory) throws -> NodeTLS? {
        let directory = "\(scratch.path)/certs"
        let node = try issue(
            directory, .init(commonName: "node-1", uri: "meridian://quickstart/local/node-1", hosts: ["127.0.0.1"]),
            "node")
        let client = try issue(
            directory, .init(commonName: "operator", uri: "meridian://quickstart/client/operator"), "operator")
        return NodeTLS(node: node, client: client)
    }

    /// Options of a client of the same CA that is no operator.
    static func application(_ scratch: ScratchDirectory) throws -> [String] {
        options(
            try issue(
                "\(scratch.path)/certs", .init(commonName: "app", uri: "meridian://quickstart/client/app"), "app"))
    }

    /// Options of an operator whom another CA vouches for; the node's own CA is the one that it trusts.
    static func stranger(_ scratch: ScratchDirectory) throws -> [String] {
        var identity = try issue(
            "\(scratch.path)/strangers", .init(commonName: "operator", uri: "meridian://quickstart/client/operator"),
            "operator")
        identity.authorityPath = "\(scratch.path)/certs/ca.pem"
        return options(identity)
    }

    private static func options(_ identity: TLSIdentity) -> [String] {
        [
            "--ca", identity.authorityPath, "--certificate", identity.certificatePath, "--key", identity.keyPath,
        ]
    }

    private static func issue(
        _ directory: String, _ subject: CertificateAuthority.Subject, _ stem: String
    ) throws -> TLSIdentity {
        let store = CertificateDirectory(path: directory, files: HostFileStore())
        let issued = try store.authority(deployment: "quickstart").issue(subject, days: 1)
        return TLSIdentity(
            authorityPath: store.authorityPath,
            certificatePath: try store.create("\(stem).pem", issued.certificatePEM),
            keyPath: try store.create("\(stem).key", issued.keyPEM))
    }
}
