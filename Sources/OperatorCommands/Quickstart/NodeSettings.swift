// What a command's own node is told: its place in the deployment, where it listens, its certificates.

import ClusterModel
package import NodeEnvironment

/// Files of a node that serves with TLS, and of the operator's client that asks it.
package struct NodeTLS: Hashable, Sendable {
    package var node: TLSIdentity
    package var client: TLSIdentity

    package init(node: TLSIdentity, client: TLSIdentity) {
        self.node = node
        self.client = client
    }
}

/// The configuration of one node of the deployment `quickstart`.
package struct NodeSettings: Hashable, Sendable {
    package struct Peer: Hashable, Sendable {
        package var region: String
        package var number: UInt16
        package var mesh: Endpoint
    }

    package static let deployment = "quickstart"

    package var region = "local"
    package var number: UInt16 = 1
    /// Of the whole deployment: a power of two.
    package var partitions = 64
    package var node = "node-1"
    package var api: Endpoint
    package var admin: Endpoint
    /// Where other regions call; nil for a region that is alone.
    package var mesh: Endpoint?
    package var peers: [Peer] = []
    package var tls: NodeTLS?
    /// The secret of tokens that all regions share; nil lets the node make its own.
    package var tokenKeyPath: String?
    /// The rules of a node with TLS, an entry a line.
    package var access = NodeSettings.standardAccess
    /// Added to the section `log` as it stands.
    package var logExtra = ""

    /// The users' application publishes too, and the operator looks after the nodes.
    package static let standardAccess = [
        "{identities: [\"meridian://\(deployment)/client/app\"], roles: [app, publisher, analyst]}",
        "{identities: [\"meridian://\(deployment)/client/operator*\"], roles: [operator, auditor]}",
    ]

    /// A node alone, on free ports.
    package init(tls: NodeTLS? = nil, logExtra: String = "") throws(OperatorFailure) {
        let ports = try LoopbackPorts.free(2)
        self.init(api: .loopback(ports[0]), admin: .loopback(ports[1]))
        self.tls = tls
        self.logExtra = logExtra
    }

    package init(api: Endpoint, admin: Endpoint) {
        self.api = api
        self.admin = admin
    }

    /// The configuration file of a node whose journal lies in `data` of `directory`.
    package func yaml(directory: String) -> String {
        var lines = [
            "# Written by meridian quickstart.", "deployment:", "  id: \(Self.deployment)",
            "  partitions: \(partitions)",
            "region:", "  name: \(region)", "  number: \(number)", "node:", "  name: \(node)",
        ]
        if !peers.isEmpty { lines.append("peers:") }
        for peer in peers {
            lines.append("  - {region: \(peer.region), number: \(peer.number), endpoints: [\"\(peer.mesh)\"]}")
        }
        lines += ["listen:", "  api: \(api)", "  admin: \(admin)"]
        if let mesh { lines.append("  mesh: \(mesh)") }
        if let identity = tls?.node {
            lines += [
                "tls:", "  ca: \(identity.authorityPath)", "  certificate: \(identity.certificatePath)",
                "  key: \(identity.keyPath)",
            ]
            if let list = identity.revocationPath { lines.append("  crl: \(list)") }
            lines += access.isEmpty ? [] : ["access:"] + access.map { "  - \($0)" }
        }
        if let tokenKeyPath { lines += ["keys:", "  tokens:", "    - {id: 1, file: \(tokenKeyPath)}"] }
        return (lines + ["log:", "  directory: \(directory)/data", logExtra]).joined(separator: "\n")
    }
}

extension Endpoint {
    package static func loopback(_ port: Int) -> Endpoint { Endpoint(host: "127.0.0.1", port: port) }
}
