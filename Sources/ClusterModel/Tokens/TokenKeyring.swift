// The keys that authenticate what clients carry between calls (S3, S12): every known key verifies, one signs.

/// A secret of the deployment and its number. Numbers are never used again for another secret.
package struct TokenKey: Sendable {
    package static let minSecretBytes = 16
    package static let maxSecretBytes = 64

    package let id: UInt32
    fileprivate let authentication: AuthenticationKey

    /// Throws unless the secret has 16 to 64 bytes.
    package init(id: UInt32, secret: [UInt8]) throws(TokenKeyringError) {
        guard (Self.minSecretBytes...Self.maxSecretBytes).contains(secret.count) else {
            throw .secretLength(id: id, bytes: secret.count)
        }
        self.id = id
        authentication = AuthenticationKey(secret)
    }
}

/// What may be told of a key: equal for equal secrets, and of no use to anyone without one (S3).
package struct TokenKeyFingerprint: Hashable, Sendable {
    package var id: UInt32
    package var fingerprint: UInt64

    package init(id: UInt32, fingerprint: UInt64) {
        self.id = id
        self.fingerprint = fingerprint
    }
}

/// Why a set of keys cannot serve.
package enum TokenKeyringError: Error, Hashable, CustomStringConvertible {
    case empty
    case tooMany(Int)
    case duplicateID(UInt32)
    case unknownSigningKey(UInt32)
    case secretLength(id: UInt32, bytes: Int)

    package var description: String {
        switch self {
        case .empty: "keys.tokens names no key; at least one is needed"
        case .tooMany(let count): "keys.tokens names \(count) keys; at most \(TokenKeyring.maxKeys) are read"
        case .duplicateID(let id): "keys.tokens names key \(id) twice"
        case .unknownSigningKey(let id): "the signing key \(id) is not among keys.tokens"
        case .secretLength(let id, let bytes):
            "key \(id) has \(bytes) bytes; "
                + "\(TokenKey.minSecretBytes) to \(TokenKey.maxSecretBytes) are needed"
        }
    }
}

/// An immutable set of keys: replaced as a whole when configuration is read again.
package struct TokenKeyring: Sendable {
    package static let maxKeys = 16

    /// The one that is to sign is the last.
    private let keys: [TokenKey]
    private let signing: TokenKey

    /// `signingID` names the key that signs; it and all others verify, the ones listed earlier being the older ones.
    package init(_ keys: [TokenKey], signingID: UInt32) throws(TokenKeyringError) {
        guard !keys.isEmpty else { throw .empty }
        guard keys.count <= Self.maxKeys else { throw .tooMany(keys.count) }
        var seen: Set<UInt32> = []
        for key in keys where !seen.insert(key.id).inserted { throw .duplicateID(key.id) }
        guard let signing = keys.first(where: { $0.id == signingID }) else { throw .unknownSigningKey(signingID) }
        self.init(keys.filter { $0.id != signingID } + [signing], signing)
    }

    private init(_ keys: [TokenKey], _ signing: TokenKey) {
        self.keys = keys
        self.signing = signing
    }

    /// The same keys, of which the newest signs that is among `known`: what every member has told of its own. Where none is,
    /// the oldest: a member that was not heard yet has that one rather than a new one (S3). Complexity: O(keys).
    package func signing(knownTo known: Set<TokenKeyFingerprint>) -> TokenKeyring {
        let signs = keys.last { known.contains(Self.fingerprint(of: $0)) } ?? keys.first ?? signing
        return TokenKeyring(keys, signs)
    }

    package var signingID: UInt32 { signing.id }

    /// The ids of all keys, ascending.
    package var ids: [UInt32] { keys.map(\.id).sorted() }

    /// Of all keys, ascending by id but for the one that is to sign, which is the last: what members tell each other (S3).
    package var fingerprints: [TokenKeyFingerprint] {
        (keys.dropLast().sorted { $0.id < $1.id } + keys.suffix(1)).map(Self.fingerprint)
    }

    /// A code over a message that is in no token.
    private static func fingerprint(of key: TokenKey) -> TokenKeyFingerprint {
        let message: [UInt8] = Array("meridian token key".utf8)
        let code = unsafe key.authentication.code(of: message.span.bytes, [UInt8]().span.bytes)
        return TokenKeyFingerprint(id: key.id, fingerprint: code.words.0)
    }

    /// HMAC-SHA-256 of a message in two pieces under the signing key, its first 128 bits.
    func sign(_ first: borrowing RawSpan, _ second: borrowing RawSpan) -> Digest128 {
        signing.authentication.code(of: first, second).prefix128
    }

    /// Compares in constant time. Throws `.unknownKey` or `.badSignature`.
    func verify(
        _ code: Digest128, of first: borrowing RawSpan, _ second: borrowing RawSpan, keyID: UInt32
    ) throws(TokenError) {
        guard let key = keys.first(where: { $0.id == keyID }) else { throw .unknownKey(keyID) }
        let expected = key.authentication.code(of: first, second).prefix128
        guard (expected.high ^ code.high) | (expected.low ^ code.low) == 0 else { throw .badSignature }
    }
}

/// Why a token is refused.
package enum TokenError: Error, Hashable, CustomStringConvertible {
    /// Signed with a key that this node does not have (yet): trying again later or elsewhere can help.
    case unknownKey(UInt32)
    case badSignature
    /// Of another deployment: the client talks to the wrong one.
    case foreignDeployment
    /// Of another topic or partition, hence of another user.
    case foreignPartition
    case malformed(String)

    /// Whether the same token can be good later.
    package var isRetryable: Bool {
        if case .unknownKey = self { return true }
        return false
    }

    package var description: String {
        switch self {
        case .unknownKey(let id): "the token is signed with key \(id), which this node does not have yet"
        case .badSignature: "the token's signature does not verify"
        case .foreignDeployment: "the token belongs to another deployment"
        case .foreignPartition: "the token belongs to another user's partition"
        case .malformed(let what): "the token cannot be read: \(what)"
        }
    }
}
