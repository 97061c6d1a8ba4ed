// Two regions' terms (S3): each difference is found, named with both values, and refuses or alarms by what it breaks.

import ClusterModel
import Testing

@Suite struct RegionTermsTests {
    private typealias Member = RegionTerms.Member

    private static let us = Member(number: RegionNumber(1), name: "us")
    private static let eu = Member(number: RegionNumber(2), name: "eu")
    private static let ap = Member(number: RegionNumber(3), name: "ap")

    private static func terms(
        _ region: Member, others: [Member], deployment: String = "shop", partitions: Int = 64, version: UInt32 = 5,
        oldest: UInt32 = 4, bounds: TimeBounds = .standard, keys: [TokenKeyFingerprint] = [key(1)]
    ) throws -> RegionTerms {
        RegionTerms(
            region: region, others: others, deploymentID: deployment,
            partitions: try #require(PartitionCount(partitions)), applyVersion: version, oldestApplyVersion: oldest,
            bounds: bounds, tokenKeys: keys)
    }

    private static func key(_ id: UInt32, secret: UInt64 = 9) -> TokenKeyFingerprint {
        TokenKeyFingerprint(id: id, fingerprint: secret)
    }

    private static func mine() throws -> RegionTerms { try terms(us, others: [eu, ap]) }

    private static func theirs() throws -> RegionTerms { try terms(eu, others: [us, ap]) }

    private static func bounds(_ drift: Int = 500, _ future: Int = 5_000, _ age: Int = 600) throws -> TimeBounds {
        try TimeBounds(
            maxDrift: .milliseconds(drift), maxFuture: .milliseconds(future), maxAge: .seconds(age),
            timeMarkInterval: .seconds(2), silence: .seconds(30))
    }

    /// The kinds that each side finds; both must find the same.
    private func kinds(_ mine: RegionTerms, _ theirs: RegionTerms) -> [TermsFinding.Kind] {
        let here = mine.findings(against: theirs, expected: Self.eu)
        let there = theirs.findings(against: mine, expected: Self.us)
        #expect(Set(here.map(\.kind)) == Set(there.map(\.kind)))
        return here.map(\.kind)
    }

    @Test func s3EqualTermsFindNothing() throws {
        #expect(kinds(try Self.mine(), try Self.theirs()).isEmpty)
        #expect(try Self.mine().fingerprint == Self.theirs().fingerprint)
    }

    @Test func s3RegionsOf16And32PartitionsRefuseEachOther() throws {
        let (mine, theirs) = (
            try Self.terms(Self.us, others: [Self.eu], partitions: 16),
            try Self.terms(Self.eu, others: [Self.us], partitions: 32)
        )
        #expect(kinds(mine, theirs) == [.partitions])
        #expect(mine.fingerprint != theirs.fingerprint)
        let finding = try #require(mine.findings(against: theirs, expected: Self.eu).first)
        #expect(finding.kind.refuses)
        #expect(finding.detail == "deployment.partitions 16 in region us (1), 32 in region eu (2)")
    }

    @Test func s3EveryConstantOfTheProofsRefuses() throws {
        let mine = try Self.mine()
        for bounds in [try Self.bounds(400), try Self.bounds(500, 4_000), try Self.bounds(500, 5_000, 601)] {
            let theirs = try Self.terms(Self.eu, others: [Self.us, Self.ap], bounds: bounds)
            #expect(kinds(mine, theirs) == [.timeBounds] && mine.fingerprint != theirs.fingerprint)
        }
        let other = try Self.terms(Self.eu, others: [Self.us, Self.ap], deployment: "mall")
        #expect(kinds(mine, other) == [.deployment] && mine.fingerprint != other.fingerprint)
        #expect(TermsFinding.Kind.timeBounds.refuses && TermsFinding.Kind.deployment.refuses)
    }

    /// S3: the newer version says down to which one it works; one of them is enough.
    @Test func s3VersionsOfApplyAlarmAsLongAsTheyWorkTogether() throws {
        let mine = try Self.mine()
        #expect(
            kinds(mine, try Self.terms(Self.eu, others: [Self.us, Self.ap], version: 6, oldest: 5)) == [.applyVersion])
        #expect(
            kinds(mine, try Self.terms(Self.eu, others: [Self.us, Self.ap], version: 7, oldest: 6))
                == [.applyVersionsApart])
        #expect(
            kinds(mine, try Self.terms(Self.eu, others: [Self.us, Self.ap], version: 4, oldest: 4)) == [.applyVersion])
        #expect(!TermsFinding.Kind.applyVersion.refuses && TermsFinding.Kind.applyVersionsApart.refuses)
    }

    @Test func c18DifferentTokenKeysAlarm() throws {
        let mine = try Self.mine()
        let another = try Self.terms(Self.eu, others: [Self.us, Self.ap], keys: [Self.key(1, secret: 8)])
        #expect(kinds(mine, another) == [.tokenKeys, .tokenKeys])
        let finding = try #require(mine.findings(against: another, expected: Self.eu).first)
        #expect(
            !finding.kind.refuses
                && finding.detail.contains("token key 1, which is to sign in region us (1), has another secret"))
        let more = try Self.terms(Self.eu, others: [Self.us, Self.ap], keys: [Self.key(1), Self.key(2)])
        #expect(kinds(mine, more) == [.tokenKeys])
        #expect(mine.fingerprint == more.fingerprint)
    }

    @Test func s2ANumberOrNameThatStandsForTwoRegionsRefuses() throws {
        let mine = try Self.mine()
        let wrong = [
            try Self.terms(Member(number: RegionNumber(9), name: "eu"), others: [Self.us, Self.ap]),
            try Self.terms(Self.eu, others: [Member(number: RegionNumber(1), name: "america"), Self.ap]),
            try Self.terms(Self.eu, others: [Self.us, Member(number: RegionNumber(4), name: "ap")]),
        ]
        for theirs in wrong {
            let findings = mine.findings(against: theirs, expected: Self.eu)
            #expect(findings.first?.kind == .regionIdentity && findings.allSatisfy { $0.kind == .regionIdentity })
        }
    }

    @Test func aRegionThatOnlyOneListsAlarms() throws {
        let mine = try Self.terms(Self.us, others: [Self.eu])
        let findings = mine.findings(against: try Self.theirs(), expected: Self.eu)
        #expect(findings.map(\.kind) == [.members] && findings.first?.unlisted == Self.ap)
        let back = try Self.theirs().findings(against: mine, expected: Self.us)
        #expect(back.map(\.kind) == [.members] && back.first?.unlisted == nil)
        let forgotten = try Self.terms(Self.eu, others: [Self.ap])
        #expect(kinds(try Self.mine(), forgotten) == [.members])
    }

    @Test func termsSurviveTheirEncodingAndRefuseWhatIsOutOfBounds() throws {
        let terms = try Self.terms(Self.us, others: [Self.ap, Self.eu], keys: [Self.key(4), Self.key(1)])
        #expect(terms.others == [Self.eu, Self.ap])
        var writer = ByteWriter(reservingCapacity: 64)
        terms.encode(into: &writer)
        var reader = ByteReader(writer.bytes)
        #expect(try RegionTerms(from: &reader) == terms)
        #expect(reader.remaining == 0)
        for (offset, byte) in [(8, UInt8(3)), (20, 1), (11, 0xff)] {
            var bytes = writer.bytes
            bytes[offset] = byte
            var reader = ByteReader(bytes)
            #expect(throws: ByteCodingError.self) { _ = try RegionTerms(from: &reader) }
        }
    }

    @Test func fingerprintsOfKeysTellSecretsApartAndNameTheSigningOneLast() throws {
        func keyring(_ secrets: [(UInt32, UInt8)], signing: UInt32) throws -> TokenKeyring {
            try TokenKeyring(
                try secrets.map { try TokenKey(id: $0.0, secret: [UInt8](repeating: $0.1, count: 32)) },
                signingID: signing)
        }
        let one = try keyring([(1, 5), (2, 6)], signing: 1).fingerprints
        let other = try keyring([(2, 6), (1, 7)], signing: 2).fingerprints
        #expect(one.map(\.id) == [2, 1] && other.map(\.id) == [1, 2])
        #expect(one[0] == other[1] && one[1] != other[0])
    }
}
