// NextContent: what the shard is asked, what the client is told (S3, S12).

import ClusterModel
import GRPCFraming
import MergeableState
import MeridianProtocol
import NIOCore
import NodeEnvironment
import Personalization
import SwiftProtobuf
import Synchronization
import Testing

@testable import ServingAPI

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

@Suite struct DeliveryTests {
    private static func request(_ change: (inout Meridian_V1_NextContentRequest) -> Void = { _ in })
        -> Meridian_V1_NextContentRequest
    {
        var request = Meridian_V1_NextContentRequest()
        request.userID = ServingFixture.user
        change(&request)
        return request
    }

    @Test("S2, S4: a node that does not trust its clock tells no time, so that nobody makes ids by it")
    func noTimeFromAnUntrustedClock() throws {
        let fixture = try ServingFixture()
        fixture.stamps.close()
        let slate = try fixture.reply(.nextContent, Self.request { $0.count = 3 }, Meridian_V1_NextContentReply.self)
        #expect(slate.serverTimeMs == 0)
        fixture.stamps.open()
        let wall = fixture.now.advanced(by: .seconds(-3_600))
        fixture.stamps.vouch(wall: wall, boot: fixture.environment.clock.bootTime(), maxDrift: .milliseconds(500))
        let jumped = try fixture.reply(.nextContent, Self.request { $0.count = 3 }, Meridian_V1_NextContentReply.self)
        #expect(jumped.serverTimeMs == 0 && jumped.items.count == 3)
    }

    @Test func theAnswerSaysEverything() throws {
        let fixture = try ServingFixture()
        let request = Self.request {
            $0.count = 3
            $0.requestID = 42
            $0.context.surface = .lockScreen
            $0.context.language = "en"
            $0.context.country = "DE"
        }
        let reply = try fixture.reply(.nextContent, request, Meridian_V1_NextContentReply.self)
        #expect(reply.slateID == Data(Digest128(high: 1, low: 42).bytes))
        #expect(reply.items.map(\.contentID) == ["item:0", "item:1", "item:2"])
        #expect(reply.items.map(\.slot) == [0, 1, 2])
        #expect(reply.items.allSatisfy { $0.propensity == 0.5 && $0.reason == .affinity })
        #expect(reply.tier == .personal)
        #expect(reply.region == 1)
        #expect(reply.modelVersion == 4)
        #expect(reply.stalenessMs == 40)
        #expect(reply.serverTimeMs == fixture.now.milliseconds)
        #expect(reply.requestID == 42)
        #expect(!reply.hasSessionSatisfied && !reply.lostTail)
        #expect(reply.applied.map(\.next) == [100])
        let query = try #require(fixture.shards.state.withLock { $0.queries.first })
        #expect(query.user == UserKey(userID: ServingFixture.user))
        #expect(query.surface == .lockScreen && query.language == "en" && query.country == "DE")
    }

    /// The hand-written encoding is protobuf's own, byte by byte, for every field and default.
    @Test func theReplyIsEncodedAsProtobufDoes() throws {
        let fixture = try ServingFixture()
        let wide = VersionVector([
            VersionVector.Entry(region: RegionNumber(0), incarnation: Incarnation(0), next: Offset(0)),
            VersionVector.Entry(region: RegionNumber(.max), incarnation: Incarnation(.max), next: Offset(.max)),
        ])
        for count in [1, 100] {
            for lost in [false, true] {
                fixture.shards.state.withLock {
                    $0.slate = { query in
                        var slate = ScriptedShards.slate(query)
                        slate.session = lost ? SessionOutcome(lost: [wide.entries[1]]) : nil
                        slate.modelVersion = lost ? 0 : .max
                        slate.applied = lost ? VersionVector() : wide
                        slate.items[0].propensity = 0
                        slate.items[0].contentID = String(repeating: "c", count: 128)
                        return .success(slate)
                    }
                }
                let request = Self.request {
                    $0.count = UInt32(count)
                    $0.requestID = lost ? 1 << 63 : 1
                }
                guard case .reply(let bytes) = try fixture.end(.nextContent, request) else {
                    Issue.record("refused")
                    return
                }
                let message = try Meridian_V1_NextContentReply(reading: bytes)
                #expect(message.items.count == count && message.unknownFields.data.isEmpty)
                #expect(try message.encodedBuffer() == bytes)
            }
        }
    }

    /// S3: what the token says is the item's own and verifies.
    @Test func itemTokensAreSealed() throws {
        let fixture = try ServingFixture()
        let reply = try fixture.reply(.nextContent, Self.request(), Meridian_V1_NextContentReply.self)
        #expect(reply.items.count == 10)
        for item in reply.items {
            let token = try ItemToken(opening: Array(item.itemToken), with: fixture.keyring)
            #expect(token == ItemToken(contentID: item.contentID, category: 3, language: "en"))
        }
    }

    /// S12: the answer's token names what the answer stands on, and comes back as the query's session.
    @Test func sessionTokensGoRound() throws {
        let fixture = try ServingFixture()
        let first = try fixture.reply(.nextContent, Self.request(), Meridian_V1_NextContentReply.self)
        let second = try fixture.reply(
            .nextContent, Self.request { $0.sessionToken = first.sessionToken }, Meridian_V1_NextContentReply.self)
        #expect(second.sessionSatisfied)
        let sessions = fixture.shards.state.withLock { $0.queries.map(\.session) }
        #expect(sessions == [nil, ScriptedShards.applied])
    }

    @Test func theServerChoosesASeed() throws {
        let fixture = try ServingFixture()
        let one = try fixture.reply(.nextContent, Self.request(), Meridian_V1_NextContentReply.self)
        let two = try fixture.reply(.nextContent, Self.request(), Meridian_V1_NextContentReply.self)
        #expect(one.requestID != two.requestID)
    }

    /// A newer client's optional fields do not keep it from content.
    @Test func unknownFieldsOfReadsAreIgnored() throws {
        let fixture = try ServingFixture()
        var bytes = try Self.request().encodedBuffer()
        bytes.writeBytes([0xa0, 0x06, 0x01])
        let token = try fixture.start(.nextContent, bytes: bytes)
        guard case .reply = try #require(fixture.ends(of: token).first) else {
            Issue.record("refused")
            return
        }
    }

    @Test(
        arguments: [
            BoundViolation("user_id") { $0.userID = "" },
            BoundViolation("user_id") { $0.userID = String(repeating: "u", count: 257) },
            BoundViolation("count") { $0.count = 101 },
            BoundViolation("session_token") { $0.sessionToken = Data(repeating: 1, count: 257) },
        ] as [BoundViolation<Meridian_V1_NextContentRequest>])
    func everyBoundIsChecked(_ violation: BoundViolation<Meridian_V1_NextContentRequest>) throws {
        let fixture = try ServingFixture()
        let failure = try fixture.failure(.nextContent, Self.request(violation.change))
        #expect(failure.code == .invalidArgument && failure.reason == "FIELD_OUT_OF_BOUNDS")
        #expect(failure.metadata["field"] == violation.field)
        #expect(fixture.shards.state.withLock { $0.queries.isEmpty })
    }

    /// A tag that names no language, a country that is none and a surface of a newer version refuse no slate: what they say is
    /// left out, and counted.
    @Test(arguments: ["-", "123", "english_us", "en-", "x-private", String(repeating: "a", count: 65)])
    func whateverTheContextSaysContentComes(language: String) throws {
        let fixture = try ServingFixture()
        let request = Self.request {
            $0.context.language = language
            $0.context.country = "DEU"
            $0.context.surface = .UNRECOGNIZED(9)
        }
        #expect(!(try fixture.reply(.nextContent, request, Meridian_V1_NextContentReply.self)).items.isEmpty)
        let query = try #require(fixture.shards.state.withLock { $0.queries.last })
        #expect(query.language == nil && query.country == nil && query.surface == .unknown)
    }

    /// BCP 47: scripts and regions, in any case.
    @Test(arguments: [
        ("en-US", "en-us"), ("zh-Hant-TW", "zh-hant"), ("EN", "en"), ("sr-Latn-RS", "sr-latn"), ("es-419", "es-419"),
        ("iw", "he"), ("de-CH-1996", "de-ch"), ("yue-Hant-HK", "yue-hant"), ("en-US-u-hc-h12-x-a", "en-us"),
    ])
    func languageTagsAreBroughtToTheCataloguesForm(tag: String, known: String) throws {
        let fixture = try ServingFixture()
        let request = Self.request {
            $0.context.language = tag
            $0.context.country = "de"
        }
        _ = try fixture.reply(.nextContent, request, Meridian_V1_NextContentReply.self)
        let query = try #require(fixture.shards.state.withLock { $0.queries.last })
        #expect(query.language == known && query.country == "DE")
    }

    @Test func boundsThemselvesAreGood() throws {
        let fixture = try ServingFixture()
        let request = Self.request {
            $0.userID = String(repeating: "u", count: 256)
            $0.count = 100
            $0.context.language = "abcdefgh"
        }
        #expect(try fixture.reply(.nextContent, request, Meridian_V1_NextContentReply.self).items.count == 100)
    }

    /// S12: tokens of elsewhere are refused, never ignored.
    @Test func foreignSessionTokensAreRefused() throws {
        let fixture = try ServingFixture()
        let own = UserKey(userID: ServingFixture.user).partition(of: fixture.shards.partitions)
        let foreign: [(token: [UInt8], reason: String, code: Int, retries: Bool)] = [
            (try fixture.session(deployment: "other"), "SESSION_TOKEN_FOREIGN_DEPLOYMENT", 3, false),
            (
                try fixture.session(partition: PartitionID(own.rawValue ^ 1)), "SESSION_TOKEN_FOREIGN_PARTITION", 3,
                false
            ),
            ([1, 2, 3], "SESSION_TOKEN_INVALID", 3, false),
        ]
        for (token, reason, code, retries) in foreign {
            let failure = try fixture.failure(.nextContent, Self.request { $0.sessionToken = Data(token) })
            #expect(failure.reason == reason)
            #expect(failure.code.rawValue == code && (failure.retryAfter != nil) == retries, "\(reason)")
        }
    }

    /// S3: keys differ between regions, or one has a new key first. A read is served, says that its session is not met, and
    /// leaves the caller its token; only a demanded session is refused.
    @Test func c18AReadIsNotRefusedForAKeyOfAnotherRegion() throws {
        let fixture = try ServingFixture()
        let tampered = try fixture.session().dropLast() + [0x7f]
        let cases: [(token: [UInt8], reason: String, code: Int)] = [
            (try fixture.session(keyring: ServingFixture.keyring([9])), "SESSION_TOKEN_KEY_UNKNOWN", 14),
            (Array(tampered), "SESSION_TOKEN_INVALID", 3),
        ]
        for (token, reason, code) in cases {
            let reply = try fixture.reply(
                .nextContent, Self.request { $0.sessionToken = Data(token) }, Meridian_V1_NextContentReply.self)
            #expect(!reply.items.isEmpty && reply.hasSessionSatisfied && !reply.sessionSatisfied, "\(reason)")
            #expect(reply.sessionToken.isEmpty && !reply.lostTail, "\(reason)")
            let failure = try fixture.failure(
                .nextContent,
                Self.request {
                    $0.sessionToken = Data(token)
                    $0.requireSession = true
                })
            #expect(failure.reason == reason && failure.code.rawValue == code)
        }
        #expect(fixture.shards.state.withLock { $0.queries.allSatisfy { $0.session == nil } })
    }

    /// S12: a demanded session that is not met names both positions.
    @Test func unmetSessionsSayWhatIsMissing() throws {
        let fixture = try ServingFixture()
        fixture.shards.state.withLock {
            $0.slate = { _ in .failure(.sessionNotSatisfied(applied: ScriptedShards.applied)) }
        }
        let wanted = VersionVector([
            VersionVector.Entry(region: RegionNumber(1), incarnation: Incarnation(7), next: Offset(200))
        ])
        let session = try fixture.session(wanted)
        let request = Self.request {
            $0.requireSession = true
            $0.sessionToken = Data(session)
        }
        let failure = try fixture.failure(.nextContent, request)
        #expect(failure.code == .failedPrecondition && failure.reason == "SESSION_NOT_SATISFIED")
        #expect(failure.metadata["session"] == "1@7:200" && failure.metadata["applied"] == "1@7:100")
        #expect(failure.retryAfter != nil)
    }

    /// S12: "fresh within x" fails where an origin is cut off, and does not pass.
    @Test func staleAnswersAreRefusedWhereFreshnessIsDemanded() throws {
        let fixture = try ServingFixture()
        let failure = try fixture.failure(.nextContent, Self.request { $0.maxStalenessMs = 39 })
        #expect(failure.code == .failedPrecondition && failure.reason == "TOO_STALE")
        #expect(failure.metadata["staleness_ms"] == "40")
        let reply = try fixture.reply(
            .nextContent, Self.request { $0.maxStalenessMs = 40 }, Meridian_V1_NextContentReply.self)
        #expect(reply.stalenessMs == 40)
    }

    /// S12: after a lost tail the new token no longer names what can never be satisfied.
    @Test func lostTailsLeaveTheToken() throws {
        let fixture = try ServingFixture()
        let settled = VersionVector.Entry(region: RegionNumber(1), incarnation: Incarnation(5), next: Offset(8))
        let dead = VersionVector.Entry(region: RegionNumber(1), incarnation: Incarnation(6), next: Offset(50))
        let away = VersionVector.Entry(region: RegionNumber(2), incarnation: Incarnation(3), next: Offset(9))
        fixture.shards.state.withLock {
            $0.slate = { query in
                var slate = ScriptedShards.slate(query)
                slate.session = SessionOutcome(pending: [away], lost: [dead])
                return .success(slate)
            }
        }
        let session = try fixture.session(VersionVector([settled, dead, away]))
        let reply = try fixture.reply(
            .nextContent, Self.request { $0.sessionToken = Data(session) }, Meridian_V1_NextContentReply.self)
        #expect(reply.lostTail && reply.hasSessionSatisfied && !reply.sessionSatisfied)
        let partition = UserKey(userID: ServingFixture.user).partition(of: fixture.shards.partitions)
        let token = try SessionToken(
            opening: Array(reply.sessionToken), with: fixture.keyring,
            deployment: SessionToken.deploymentHash(of: "shop"), topic: .userEvents, partition: partition)
        #expect(token.entries.map(\.region.rawValue) == [1, 2])
        #expect(token.entries.map(\.incarnation.rawValue) == [7, 3])
    }
}
