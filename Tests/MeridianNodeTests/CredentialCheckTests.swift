// C17: whether the files of `tls` are this node's and good today, and when they end.

import ClusterModel
import NodeEnvironment
import OperatorAPI
import Testing

@testable import MeridianNode

@Suite struct CredentialCheckTests {
    private static let day: UInt64 = 86_400_000
    /// 2026-11-30.
    private static let now = WallTime(milliseconds: 1_795_996_800_000)

    private static func check(peers: Bool = false) throws -> CredentialCheck {
        let yaml = """
            deployment: {id: shop}
            region: {name: eu, number: 1}
            node: {name: n1}
            log: {directory: d}
            tls: {ca: ca.pem, certificate: node.pem, key: node.key, crl: list.pem}

            """
        let more = """
            listen: {mesh: "127.0.0.1:7412"}
            peers: [{region: us, number: 2, endpoints: ["b:1"]}]

            """
        let configuration = try NodeConfiguration(yaml: yaml + (peers ? more : ""), file: "node.yaml")
        return try #require(CredentialCheck(configuration))
    }

    private static func document(_ file: String, from begin: Int = -30, to end: Int = 60) -> CredentialFacts.Document {
        func time(_ days: Int) -> WallTime {
            WallTime(milliseconds: UInt64(Int64(now.milliseconds) + Int64(days) * Int64(day)))
        }
        return CredentialFacts.Document(file: file, subject: "/CN=\(file)", beginsAt: time(begin), endsAt: time(end))
    }

    private static func facts(_ uri: String? = "meridian://shop/eu/n1") -> CredentialFacts {
        var facts = CredentialFacts(certificate: document("node.pem"), uri: uri)
        facts.authorities = [document("ca.pem", to: 3_000)]
        facts.revocationLists = [document("list.pem")]
        return facts
    }

    private func problem(_ facts: CredentialFacts, peers: Bool = false) throws -> String? {
        try Self.check(peers: peers).problem(with: facts, at: Self.now)
    }

    @Test func c17GoodFilesAreGood() throws {
        #expect(try problem(Self.facts(), peers: true) == nil)
        var rotated = Self.facts()
        rotated.authorities.insert(Self.document("ca.pem", to: -1), at: 0)
        #expect(try problem(rotated) == nil, "an old authority beside the new one")
    }

    @Test func c17ExpiredAndNotYetValidAreNamedWithFileAndDate() throws {
        var facts = Self.facts()
        facts.certificate = Self.document("node.pem", to: -1)
        #expect(try problem(facts) == "node.pem: the node's certificate (/CN=node.pem) is past its date, 2026-11-29")
        facts.certificate = Self.document("node.pem", from: 2)
        #expect(
            try problem(facts)?.hasPrefix(
                "node.pem: the node's certificate (/CN=node.pem) is not valid before 2026-12-02") == true)
        facts = Self.facts()
        facts.authorities = [Self.document("ca.pem", to: -2)]
        #expect(try problem(facts)?.hasPrefix("ca.pem: the authority") == true)
        facts = Self.facts()
        facts.revocationLists = [Self.document("list.pem"), Self.document("list.pem", to: -3)]
        #expect(try problem(facts) == "list.pem: the revocation list (/CN=list.pem) is past its date, 2026-11-27")
    }

    @Test(arguments: [
        ("meridian://mall/eu/n1", "another deployment"), ("meridian://shop/us/n1", "another region"),
        ("meridian://shop/client/app", "a client's certificate"), ("meridian://shop/eu", "no identity of a node"),
        ("meridian://shop/eu/", "no identity of a node"), ("meridian://shop/eu/n1/x", "no identity of a node"),
        ("spiffe://shop/eu/n1", "no identity of a node"), (nil, "names no identity"),
    ])
    func c17ForeignCertificatesAreRefused(uri: String?, word: String) throws {
        let problem = try #require(try problem(Self.facts(uri)))
        #expect(problem.hasPrefix("node.pem: ") && problem.contains(word), "\(problem)")
    }

    @Test func c17ChainsPurposesAndListsAreJudged() throws {
        var facts = Self.facts()
        facts.chainFailure = "unable to get local issuer certificate"
        #expect(try problem(facts)?.contains("not of an authority in ca.pem: unable to get") == true)
        facts = Self.facts()
        facts.servesAsServer = false
        #expect(try problem(facts)?.contains("may not be used by a server") == true)
        facts = Self.facts()
        facts.servesAsClient = false
        #expect(try problem(facts) == nil, "a node that is alone dials nobody")
        #expect(try problem(facts, peers: true)?.contains("may not be used by a client") == true)
        facts = Self.facts()
        facts.isRevoked = true
        #expect(try problem(facts)?.contains("is revoked") == true)
        facts = Self.facts()
        facts.foreignList = "list.pem"
        #expect(try problem(facts)?.contains("list.pem: a revocation list is not signed") == true)
    }

    /// 30 and 7 days; of what lives shortly a third and a twelfth, or a weekly list would always alarm.
    @Test func c17EndsAlarmInTwoStages() {
        var facts = Self.facts()
        facts.certificate = Self.document("node.pem", from: -300, to: 29)
        facts.authorities = [Self.document("ca.pem", to: 3_000)]
        facts.revocationLists = [
            Self.document("list.pem", from: -1, to: 6), Self.document("list.pem", from: -7, to: 0),
        ]
        let expiries = CredentialCheck.expiries(of: facts, at: Self.now)
        #expect(expiries.map(\.kind) == [.certificate, .authority, .revocationList, .revocationList])
        #expect(expiries.map(\.stage) == [.near, .far, .far, .urgent])
        let later = WallTime(milliseconds: Self.now.milliseconds + Self.day * 40)
        let past = CredentialCheck.expiries(of: facts, at: later)
        #expect(past[0].stage == .past && past[0].description.hasSuffix("is past its date"))
        #expect(expiries[0].secondsLeft == 29 * 86_400)
        #expect(expiries[0].description == "node.pem (certificate of /CN=node.pem) ends in 29 days")
        #expect(CredentialExpiry.stage(secondsLeft: 6 * 86_400, lifetime: .max) == .urgent)
    }

    @Test(arguments: [
        (UInt64(0), "1970-01-01"), (951_782_400_000, "2000-02-29"), (1_795_996_800_000, "2026-11-30"),
        (4_102_444_799_000, "2099-12-31"), (WallTime.mask, "10889-08-02"),
    ])
    func datesAreThoseOfTheCalendar(milliseconds: UInt64, date: String) {
        #expect(WallTime(milliseconds: milliseconds).utcDate == date)
    }
}
