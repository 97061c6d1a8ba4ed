// Certificates in use, and newer ones after a reload.

import HTTP2Engine
import NodeEnvironment
import Synchronization

/// What a listener or a channel makes its TLS connections of. From any thread.
final class TLSCredentials: Sendable {
    let settings: TLSSettings
    private let current: Mutex<TLSContext>

    init(_ settings: TLSSettings) throws(LinkError) {
        self.settings = settings
        current = Mutex(try Self.read(settings))
    }

    /// For the next connection.
    var context: TLSContext { current.withLock { $0 } }

    /// Reads the files again. Connections go on with what they have; when the files cannot be used nothing changes.
    func reload() throws(LinkError) {
        let fresh = try Self.read(settings)
        current.withLock { $0 = fresh }
    }

    private static func read(_ settings: TLSSettings) throws(LinkError) -> TLSContext {
        do throws(TLSContextError) {
            return try TLSContext(settings)
        } catch {
            throw LinkError(.badCertificate, error.message)
        }
    }
}

/// The credentials that are in use: one object for each identity and role, so that channels share sessions and a reload
/// reaches everybody.
final class CredentialRegistry: Sendable {
    private struct Reference {
        weak var credentials: TLSCredentials?
    }

    /// As many as there are identities in use: what nobody holds is dropped when the next one comes.
    private let known = Mutex<[TLSSettings: Reference]>([:])

    /// Nil for plaintext.
    func credentials(_ security: LinkSecurity, role: HTTP2Role) throws(LinkError) -> TLSCredentials? {
        guard let settings = TLSSettings(security, role: role) else { return nil }
        if let shared = known.withLock({ $0[settings]?.credentials }) { return shared }
        let made = try TLSCredentials(settings)
        known.withLock { known in
            known = known.filter { $0.value.credentials != nil }
            known[settings] = Reference(credentials: made)
        }
        return made
    }

    /// Reloads all. Those whose files cannot be used keep what they have, and the first of their errors is thrown.
    func reload() throws(LinkError) {
        var failure: LinkError?
        for credentials in known.withLock({ $0.values.compactMap(\.credentials) }) {
            do throws(LinkError) {
                try credentials.reload()
            } catch {
                failure = failure ?? error
            }
        }
        if let failure { throw failure }
    }
}

extension TLSSettings {
    /// Nil for plaintext.
    init?(_ security: LinkSecurity, role: HTTP2Role) {
        let demand: Demand
        let identity: TLSIdentity
        switch security {
        case .plaintext: return nil
        case .mutualTLS(let files): (demand, identity) = (.mutual, files)
        case .serverTLS(let files): (demand, identity) = (.serverOnly, files)
        }
        let name: PeerName =
            switch identity.expectedPeer {
            case .host: .host
            case .uri(let uri): .uri(uri)
            case .uriPrefixes(let prefixes): .uriPrefixes(prefixes)
            }
        // A server that asks for no certificate has nothing to compare.
        let isAsked = role == .client || demand == .mutual
        self.init(
            role: role, demand: demand, authorityPath: identity.authorityPath,
            certificatePath: identity.certificatePath, keyPath: identity.keyPath,
            revocationPath: identity.revocationPath, peerName: isAsked ? name : .host,
            allowsTLS12: identity.allowsTLS12)
    }
}
