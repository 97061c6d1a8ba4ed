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
        case (.plaintext, .plaintext): PeerIdentity(certificateURI: nil, address: address)
        case (.mutualTLS(let own), .mutualTLS(let shown)) where own.authorityPath == shown.authorityPath:
            PeerIdentity(certificateURI: certificateURI(of: shown), address: address)
        case (.serverTLS(let own), .mutualTLS(let shown)), (.serverTLS(let own), .serverTLS(let shown)):
            own.authorityPath == shown.authorityPath ? PeerIdentity(certificateURI: nil, address: address) : nil
        default: nil
        }
    }
}
