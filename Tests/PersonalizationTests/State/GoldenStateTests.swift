// The encodings of apply version 2, byte for byte: a change of one of them is a new version (S3, S10).

import ClusterModel
import MergeableState
import Testing

@testable import Personalization

@Suite struct GoldenStateTests {
    private static let user = UserKey(userID: "golden")

    private static func id(_ second: UInt64, _ client: UInt64) -> EventID {
        EventID(at: WallTime(milliseconds: RandomEvents.start + second * 1_000), sequence: 3, client: client)
    }

    private static let events: [RandomEvents.Drawn] = [
        .init(
            id: id(1, 1),
            event: .profile(
                ProfileEvent(user: user, language: "zh-hant", country: "TW", deviceModel: "phone", maxAgeRating: 16))),
        .init(
            id: id(100_000, 1),
            event: .interaction(
                InteractionEvent(
                    user: user, kind: .like, contentID: "item-1",
                    attributes: ItemAttributes(category: 7, language: "pt-br"), occurredAt: WallTime(milliseconds: 5)))),
        .init(
            id: id(3, 1),
            event: .interaction(
                InteractionEvent(
                    user: user, kind: .impression, contentID: "item-2", occurredAt: WallTime(milliseconds: 6)))),
        .init(id: id(4, 2), event: .consent(ConsentEvent(user: user, change: .withdrawal(replacing: [])))),
        .init(id: id(5, 2), event: .consent(ConsentEvent(user: user, change: .withdrawal(replacing: [id(4, 2)])))),
        .init(id: id(6, 2), event: .consent(ConsentEvent(user: user, change: .grant(cancelling: [id(5, 2)])))),
        .init(
            id: id(0, 3),
            event: .erase(EraseEvent(user: user, cut: WallTime(milliseconds: RandomEvents.start)))),
    ]

    private static func hexadecimal(_ bytes: [UInt8]) -> String {
        bytes.map { String($0 >> 4, radix: 16) + String($0 & 15, radix: 16) }.joined()
    }

    @Test func bodiesOfConsentAndErasure() {
        #expect(StateLimits.applyVersion == 2)
        #expect(
            Self.hexadecimal(Self.events[4].event.body)
                == "dd56de4137951d9c92681b03416ec15f00010300a077e5cf8b010200000000000000")
        #expect(
            Self.hexadecimal(Self.events[5].event.body)
                == "dd56de4137951d9c92681b03416ec15f01010300887be5cf8b010200000000000000")
        #expect(Self.hexadecimal(Self.events[6].event.body) == "dd56de4137951d9c92681b03416ec15f0068e5cf8b010000")
    }

    @Test func aUsersState() throws {
        let state = try ShardState.folding(Self.events)
        var (digest, snapshot) = (ByteWriter(), ByteWriter())
        let user = try #require(state.user(Self.user))
        user.encode(into: &digest, for: .digest)
        user.encode(into: &snapshot, for: .snapshot)
        #expect(
            Self.hexadecimal(digest.bytes)
                == "0f0300e86be5cf8b010100000000000000ee49fdb65845e0e8077a682d68616e740300e86be5cf8b01010000"
                + "0000000000ee49fdb65845e0e80254570300e86be5cf8b010100000000000000ee49fdb65845e0e80570686f"
                + "6e650300e86be5cf8b010100000000000000ee49fdb65845e0e8100103000049dbd58b010100000000000000"
                + "154deac0ec96c2f82c507205f58d9059070003010300b873e5cf8b0101000000000000007a373ac2914f8ee0"
                + "26922ff05119ef7701070001dd4c0000000000000800000000000000010570742d627201dd4c000000000000"
                + "0800000000000000010300707fe5cf8b010200000000000000020300a077e5cf8b0102000000000000000300"
                + "887be5cf8b010200000000000000020300a077e5cf8b0102000000000000000300887be5cf8b010200000000"
                + "000000")
        #expect(SHA256.hash(snapshot.bytes).prefix128.description == "9faa6d02f8cba3d4c1421a7cec21cd7f")
        var whole = state
        #expect(whole.digest().description == "b812eade8f14a3eb47d771c6d8729f4b")
    }

    @Test func aCatalogue() throws {
        var catalogue = Catalogue(limit: 9)
        let item = try ContentItem(
            id: "item-1", title: "Title", language: "zh-Hant-TW", category: "news", countries: ["TW", "HK"],
            ageRating: 12,
            publishedAt: WallTime(milliseconds: 5), expiresAt: WallTime(milliseconds: 9))
        for event in [ContentEvent.publish(item), .withdraw(try ContentWithdrawal(id: "item-2"))] {
            catalogue.apply(
                event, by: MergeOrder(id: Self.id(1, 1), bodyDigest: SHA256.hash(event.body).prefix128.high))
        }
        var writer = ByteWriter()
        catalogue.encode(into: &writer)
        #expect(
            Self.hexadecimal(writer.bytes)
                == "0200010000000300e86be5cf8b0101000000000000003201066974656d2d31055469746c65077a682d68616e"
                + "74046e6577730200484b54570c050000000000000009000000000000000100000077ef1951f02f9226505a22"
                + "1e159a2aaf0300e86be5cf8b010100000000000000135ccf71209b84ee")
        #expect(catalogue.digest.description == "d663240b3bba56e362a6264a641e16d5")
    }
}
