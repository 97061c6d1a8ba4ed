// Tokens: authenticated, bounded, opaque; every refusal has its type (S3, S12).

import ClusterModel
import Testing

@Suite struct TokenTests {
    private static func keyring(_ ids: [UInt32], signing: UInt32) throws -> TokenKeyring {
        try TokenKeyring(
            ids.map { try TokenKey(id: $0, secret: [UInt8](repeating: UInt8($0), count: 32)) }, signingID: signing)
    }

    private static let item = ItemToken(contentID: "test:1", category: 7, language: "en")

    private static func session(_ count: Int) -> SessionToken {
        SessionToken(
            deployment: SessionToken.deploymentHash(of: "shop"), topic: .userEvents, partition: PartitionID(3),
            entries: (0..<count).map {
                SessionToken.Entry(
                    region: RegionNumber(UInt16($0 + 1)), incarnation: Incarnation(9), next: Offset(1 << 40))
            })
    }

    @Test func itemTokensReadBack() throws {
        let keyring = try Self.keyring([1, 2], signing: 2)
        let bytes = try Self.item.sealed(with: keyring)
        #expect(bytes.count <= SealedToken.maxBytes)
        #expect(try ItemToken(opening: bytes, with: keyring) == Self.item)
    }

    /// S3: keys rotate: verify with all, sign with one; an unknown key may be tried again, a bad signature not.
    @Test func keysRotate() throws {
        let bytes = try Self.item.sealed(with: try Self.keyring([1], signing: 1))
        #expect(try ItemToken(opening: bytes, with: try Self.keyring([1, 2], signing: 2)) == Self.item)
        #expect(throws: TokenError.unknownKey(1)) {
            try ItemToken(opening: bytes, with: try Self.keyring([2], signing: 2))
        }
    }

    /// S3, C24: a token of tomorrow's key would be refused where only today's is.
    @Test func aKeySignsOnceEveryMemberHasIt() throws {
        let rotated = try Self.keyring([1, 2, 3], signing: 3)
        let all = rotated.fingerprints
        #expect(all.map(\.id) == [1, 2, 3])
        let keys = TokenKeys(rotated, hasMembers: true)
        #expect(keys.ring.signingID == 1, "nobody was heard yet")
        #expect(keys.onMembers(have: Set(all.prefix(2))) == 2 && keys.ring.signingID == 2)
        #expect(keys.onMembers(have: Set(all.prefix(2))) == nil)
        // What members are told does not change with it.
        #expect(keys.ring.fingerprints == all)
        #expect(keys.onMembers(have: Set(all)) == 3)
        // The same number with another secret is another key.
        let other = try TokenKeyring([try TokenKey(id: 4, secret: [UInt8](repeating: 9, count: 32))], signingID: 4)
        keys.replace(with: try Self.keyring([1, 4], signing: 4))
        #expect(keys.ring.signingID == 1)
        #expect(keys.onMembers(have: Set(all + other.fingerprints)) == nil && keys.ring.signingID == 1)
        // A region without others asks nobody.
        #expect(TokenKeys(rotated).ring.signingID == 3)
    }

    @Test func everyFlippedBitIsRefused() throws {
        let keyring = try Self.keyring([1], signing: 1)
        let bytes = try Self.item.sealed(with: keyring)
        for index in bytes.indices {
            for bit in 0..<8 {
                var damaged = bytes
                damaged[index] ^= 1 << UInt8(bit)
                #expect(throws: TokenError.self, "byte \(index) bit \(bit)") {
                    try ItemToken(opening: damaged, with: keyring)
                }
            }
        }
        for count in bytes.indices {
            #expect(throws: TokenError.self) { try ItemToken(opening: Array(bytes.prefix(count)), with: keyring) }
        }
    }

    /// S12: a token belongs to one deployment and partition.
    @Test func sessionTokensBelongSomewhere() throws {
        let keyring = try Self.keyring([1], signing: 1)
        let token = Self.session(SessionToken.maxEntries)
        let bytes = try token.sealed(with: keyring)
        #expect(bytes.count <= SealedToken.maxBytes)
        func open(_ deployment: String, _ partition: UInt32) throws(TokenError) -> SessionToken {
            try SessionToken(
                opening: bytes, with: keyring, deployment: SessionToken.deploymentHash(of: deployment),
                topic: .userEvents, partition: PartitionID(partition))
        }
        #expect(try open("shop", 3) == token)
        #expect(throws: TokenError.foreignDeployment) { try open("other", 3) }
        #expect(throws: TokenError.foreignPartition) { try open("shop", 4) }
    }

    @Test func badKeyringsAreRefused() throws {
        #expect(throws: TokenKeyringError.self) { try TokenKey(id: 1, secret: [1, 2, 3]) }
        #expect(throws: TokenKeyringError.empty) { try TokenKeyring([], signingID: 1) }
        #expect(throws: TokenKeyringError.duplicateID(1)) { try Self.keyring([1, 1], signing: 1) }
        #expect(throws: TokenKeyringError.unknownSigningKey(3)) { try Self.keyring([1], signing: 3) }
    }
}
