// Certificates in use, and newer ones after a reload.

import HTTP2Engine
import NodeEnvironment
import Synchronization

/// What a listener or a channel makes its TLS connections of. From any thread.
final class TLSCredentials: Sendable {
    /// As they were asked for.
    let settings: TLSSettings
    private let current: Mutex<TLSContext>

    /// `files`: in use in place of those of `settings`.
    init(_ settings: TLSSettings, files: TLSSettings.Files) throws(LinkError) {
        self.settings = settings
        var used = settings
        used.files = files
        current = Mutex(try Self.read(used))
    }

    /// For the next connection.
    var context: TLSContext { current.withLock { $0 } }

    /// Whether the lists that are in use now name the peer of a connection that stands. On its loop.
    func revokes(_ engine: TLSEngine) -> Bool { context.revokes(engine) }

    /// Reads `files`; what is in use stays.
    func read(_ files: TLSSettings.Files) throws(LinkError) -> TLSContext {
        var used = settings
        used.files = files
        return try Self.read(used)
    }

    /// Connections go on with what they have.
    func replace(by context: TLSContext) { current.withLock { $0 = context } }

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

    private struct State {
        /// As many as there are identities in use: what nobody holds is dropped when the next one comes.
        var known: [TLSSettings: Reference] = [:]
        /// Files by those that were asked for: as many as identities were ever reloaded from elsewhere.
        var replaced: [TLSSettings.Files: TLSSettings.Files] = [:]
    }

    private let state = Mutex(State())

    /// Nil for plaintext.
    func credentials(_ security: LinkSecurity, role: HTTP2Role) throws(LinkError) -> TLSCredentials? {
        guard let settings = TLSSettings(security, role: role) else { return nil }
        let (shared, files) = state.withLock { state in
            (state.known[settings]?.credentials, state.replaced[settings.files] ?? settings.files)
        }
        if let shared { return shared }
        let made = try TLSCredentials(settings, files: files)
        state.withLock { state in
            state.known = state.known.filter { $0.value.credentials != nil }
            state.known[settings] = Reference(credentials: made)
        }
        return made
    }

    /// Reads everything again, where it is read from now. Where one file cannot be used nothing changes.
    func reload() throws(LinkError) { try reload(replaced: state.withLock(\.replaced)) }

    /// The same, with those of `current` wherever `asked` were asked for.
    func reload(_ asked: TLSSettings.Files, from current: TLSSettings.Files) throws(LinkError) {
        var replaced = state.withLock(\.replaced)
        replaced[asked] = current
        try reload(replaced: replaced)
    }

    private func reload(replaced: [TLSSettings.Files: TLSSettings.Files]) throws(LinkError) {
        var fresh: [(credentials: TLSCredentials, context: TLSContext)] = []
        for credentials in state.withLock({ $0.known.values.compactMap(\.credentials) }) {
            let asked = credentials.settings.files
            fresh.append((credentials, try credentials.read(replaced[asked] ?? asked)))
        }
        state.withLock { $0.replaced = replaced }
        for (credentials, context) in fresh { credentials.replace(by: context) }
    }
}

extension TLSSettings.Files {
    init(_ identity: TLSIdentity) {
        self.init(
            authorityPath: identity.authorityPath, certificatePath: identity.certificatePath,
            keyPath: identity.keyPath, revocationPath: identity.revocationPath, allowsTLS12: identity.allowsTLS12)
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
