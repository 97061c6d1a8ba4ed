// What a TLS context is made of.

/// Files and demands of one side of TLS connections.
package struct TLSSettings: Hashable, Sendable {
    /// Which certificates are demanded.
    package enum Demand: Hashable, Sendable {
        /// The client shows none; the server's is verified.
        case serverOnly
        /// Both sides show one; a peer without is refused.
        case mutual
    }

    /// Who the peer must be, beyond being certified by the authority.
    package enum PeerName: Hashable, Sendable {
        /// A client verifies the host that it dials; a server takes every certificate.
        case host
        /// The certificate's one URI SAN is exactly this; hosts do not matter.
        case uri(String)
        /// The URI SAN begins with one of these; a client verifies the host too.
        case uriPrefixes([String])
    }

    package var role: HTTP2Role
    package var demand: Demand
    /// PEM files. A client of `.serverOnly` needs no certificate and those paths are not read.
    package var authorityPath: String
    package var certificatePath: String
    package var keyPath: String
    /// PEM certificate revocation lists, one of each issuer; nil checks none.
    package var revocationPath: String?
    package var peerName: PeerName
    /// Whether TLS 1.2 is spoken with peers that have no 1.3.
    package var allowsTLS12: Bool

    package init(
        role: HTTP2Role, demand: Demand, authorityPath: String, certificatePath: String, keyPath: String,
        revocationPath: String? = nil, peerName: PeerName = .host, allowsTLS12: Bool = false
    ) {
        self.role = role
        self.demand = demand
        self.authorityPath = authorityPath
        self.certificatePath = certificatePath
        self.keyPath = keyPath
        self.revocationPath = revocationPath
        self.peerName = peerName
        self.allowsTLS12 = allowsTLS12
    }

    var demandsCertificate: Bool { role == .client || demand == .mutual }

    /// What may be replaced while connections of these settings go on.
    package struct Files: Hashable, Sendable {
        package var authorityPath: String
        package var certificatePath: String
        package var keyPath: String
        package var revocationPath: String?
        package var allowsTLS12: Bool

        package init(
            authorityPath: String, certificatePath: String, keyPath: String, revocationPath: String?, allowsTLS12: Bool
        ) {
            self.authorityPath = authorityPath
            self.certificatePath = certificatePath
            self.keyPath = keyPath
            self.revocationPath = revocationPath
            self.allowsTLS12 = allowsTLS12
        }
    }

    package var files: Files {
        get {
            Files(
                authorityPath: authorityPath, certificatePath: certificatePath, keyPath: keyPath,
                revocationPath: revocationPath, allowsTLS12: allowsTLS12)
        }
        set {
            authorityPath = newValue.authorityPath
            certificatePath = newValue.certificatePath
            keyPath = newValue.keyPath
            revocationPath = newValue.revocationPath
            allowsTLS12 = newValue.allowsTLS12
        }
    }
}

extension TLSSettings.PeerName {
    /// Whether a client checks the dialled host.
    var verifiesHost: Bool { if case .uri = self { false } else { true } }

    /// Whether a certificate with this URI SAN is the peer's.
    func admits(_ uri: String?) -> Bool {
        switch self {
        case .host: true
        case .uri(let expected): uri == expected
        case .uriPrefixes(let prefixes):
            prefixes.contains { prefix in uri?.utf8.starts(with: prefix.utf8) == true }
        }
    }
}
