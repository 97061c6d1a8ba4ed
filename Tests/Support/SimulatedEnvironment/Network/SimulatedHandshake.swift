// Who may speak with whom on simulated links: TLS without files.

package import NodeEnvironment

/// The rules of the real handshake over certificates that exist in name only. No path of an identity is ever opened: two
/// sides trust each other where they name the same authority.
package enum SimulatedHandshake {
    private static let prefix = "sim:"

    /// An identity whose certificate carries `uri`. For YAML: `certificate: "sim:<uri>"`.
    package static func identity(uri: String, authority: String = "sim-ca") -> TLSIdentity {
        TLSIdentity(authorityPath: authority, certificatePath: prefix + uri, keyPath: "sim-key")
    }

    /// The URI SAN of an identity's certificate; nil for one made by other means, which then carries none.
    package static func certificateURI(of identity: TLSIdentity) -> String? {
        identity.certificatePath.hasPrefix(prefix) ? String(identity.certificatePath.dropFirst(prefix.count)) : nil
    }

    /// How a server sees its caller; nil where the handshake fails.
    static func peer(of client: LinkSecurity, at server: LinkSecurity, address: String) -> PeerIdentity? {
        switch (server, client) {
        case (.plaintext, .plaintext): return PeerIdentity(certificateURI: nil, address: address)
        case (.mutualTLS(let own), .mutualTLS(let shown)):
            let uri = certificateURI(of: shown)
            guard own.authorityPath == shown.authorityPath, admits(uri, own.expectedPeer), trusts(shown, own)
            else { return nil }
            return PeerIdentity(certificateURI: uri, address: address)
        case (.serverTLS(let own), .mutualTLS(let shown)), (.serverTLS(let own), .serverTLS(let shown)):
            guard own.authorityPath == shown.authorityPath, trusts(shown, own) else { return nil }
            return PeerIdentity(certificateURI: nil, address: address)
        default: return nil
        }
    }

    /// Whether the client takes the server for whom it expects.
    private static func trusts(_ client: TLSIdentity, _ server: TLSIdentity) -> Bool {
        admits(certificateURI(of: server), client.expectedPeer)
    }

    private static func admits(_ uri: String?, _ expected: ExpectedPeer) -> Bool {
        switch expected {
        case .host: true
        case .uri(let wanted): uri == wanted
        case .uriPrefixes(let prefixes): prefixes.contains { uri?.hasPrefix($0) == true }
        }
    }
}
