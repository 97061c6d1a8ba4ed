// What the policy shows: the same for the same inputs, nothing that filters forbid, and always something.

import ClusterModel
import NodeEnvironment
import Testing

@testable import Personalization

@Suite struct RankingPolicyTests {
    private static let greedy = SlatePolicy(epsilon: 0)

    private static func slate(
        _ query: SlateQuery, _ user: UserState?, _ catalogue: CatalogueSnapshot,
        _ popularity: PopularitySnapshot = PopularitySnapshot(), policy: SlatePolicy = greedy
    ) -> RankedSlate {
        var scratch = RankingScratch()
        return policy.slate(
            for: query, user: user, catalogue: catalogue, popularity: popularity, scratch: &scratch)
    }

    private static func ids(_ slate: RankedSlate) -> [String] { slate.items.map(\.contentID) }

    private static func many(_ count: Int) throws -> [ContentItem] {
        try (0..<count).map {
            try ContentSamples.item(
                "item-\($0)", language: ["en", "de", ""][$0 % 3], category: "category-\($0 % 7)", hoursOld: $0 + 1)
        }
    }

    @Test func theSameInputsGiveTheSameSlate() throws {
        let catalogue = ContentSamples.catalogue(try Self.many(500))
        let popularity = ContentSamples.popularity((0..<60).map { ("item-\($0 * 5)", $0 % 9, $0) }, catalogue)
        let user = ContentSamples.history([(.click, "item-1", "category-1"), (.like, "item-8", "category-1")])
        var scratch = RankingScratch()
        var different: Set<[String]> = []
        for seed in 0..<40 as Range<UInt64> {
            let query = ContentSamples.query(seed: seed)
            let fresh = Self.slate(query, user, catalogue, popularity, policy: SlatePolicy())
            // The scratch has seen other slates before: nothing of them may stay.
            let used = SlatePolicy().slate(
                for: query, user: user, catalogue: catalogue, popularity: popularity, scratch: &scratch)
            #expect(fresh == used, "seed \(seed)")
            different.insert(Self.ids(fresh))
        }
        #expect(different.count > 1)
    }

    @Test func theOrderOfArrivalDoesNotMatter() throws {
        let items = try Self.many(300)
        var generator = SeededGenerator(seed: 11)
        let clicks = (0..<60).map { ("item-\($0 * 5)", $0 % 9, $0) }
        let user = ContentSamples.history([(.click, "item-1", "category-1")])
        var slates: Set<RankedSlate> = []
        for _ in 0..<4 {
            let catalogue = ContentSamples.catalogue(items.shuffled(using: &generator))
            let popularity = ContentSamples.popularity(clicks.shuffled(using: &generator), catalogue)
            slates.insert(Self.slate(ContentSamples.query(seed: 5), user, catalogue, popularity))
        }
        #expect(slates.count == 1)
    }

    /// Golden: the bits of ids and propensities, whatever the processor. A change of the policy changes them, and then its
    /// model version too.
    @Test func theSlatesOfThisVersionAreKnown() throws {
        let catalogue = ContentSamples.catalogue(try Self.many(400))
        let popularity = ContentSamples.popularity((0..<90).map { ("item-\($0 * 3)", $0 % 11, $0 % 50) }, catalogue)
        let user = ContentSamples.history([
            (.click, "item-1", "category-1"), (.share, "item-9", "category-2"), (.dismiss, "item-3", "category-3"),
        ])
        var writer = ByteWriter()
        for seed in 0..<50 as Range<UInt64> {
            for state in [user, nil] {
                let query = ContentSamples.query(seed: seed)
                for item in Self.slate(query, state, catalogue, popularity, policy: SlatePolicy()).items {
                    writer.write(item.contentID)
                    writer.write(item.propensity.bitPattern)
                    writer.write(item.reason.rawValue)
                }
            }
        }
        #expect(SlatePolicy.modelVersion == 1)
        #expect(SHA256.hash(writer.bytes).prefix128.description == "b5531c449266fad7d0c5cfb9bc99221d")
    }

    /// Items of a popularity snapshot that was made with another catalogue are found by their keys.
    @Test func rowsOfAnotherCatalogueAreNotBelieved() throws {
        let items = try Self.many(60)
        let made = ContentSamples.catalogue(items)
        let served = ContentSamples.catalogue(items.reversed())
        let clicks = [("item-7", 9, 0), ("item-13", 5, 1)]
        let stale = Self.slate(ContentSamples.query(), nil, served, ContentSamples.popularity(clicks, made))
        let own = Self.slate(ContentSamples.query(), nil, served, ContentSamples.popularity(clicks, served))
        #expect(stale == own)
        #expect(own.items.first?.contentID == "item-7")
    }

    @Test func filtersHold() throws {
        let forbidden = [
            try ContentSamples.item("future", hoursOld: -1), try ContentSamples.item("adult", ageRating: 18),
            try ContentSamples.item("expired", expiresAt: ContentSamples.now),
            try ContentSamples.item("elsewhere", countries: ["US"]),
        ]
        let allowed = [
            try ContentSamples.item("here", countries: ["DE", "US"], hoursOld: 300),
            try ContentSamples.item("open", ageRating: 16, hoursOld: 300, expiresAt: ContentSamples.hoursAgo(-1)),
        ]
        let catalogue = ContentSamples.catalogue(forbidden + allowed)
        let popularity = ContentSamples.popularity(forbidden.map { ($0.id, 100, 0) } + [("here", 1, 0)], catalogue)
        var user = ContentSamples.history([])
        user.apply(
            .profile(ProfileEvent(user: ContentSamples.user, country: "DE", maxAgeRating: 16)),
            by: ContentSamples.order(ContentSamples.hoursAgo(1)), isNew: true)
        #expect(Set(Self.ids(Self.slate(ContentSamples.query(), user, catalogue, popularity))) == ["here", "open"])
        // The request's country goes before the profile's.
        let abroad = Self.slate(ContentSamples.query(country: "US"), user, catalogue, popularity)
        #expect(Set(Self.ids(abroad)) == ["here", "open", "elsewhere"])
        // A country that nobody knows sees what is shown everywhere.
        #expect(Set(Self.ids(Self.slate(ContentSamples.query(), nil, catalogue, popularity))) == ["open", "adult"])
    }

    @Test func anotherLanguageOnlyFillsAShortSlate() throws {
        let catalogue = ContentSamples.catalogue(try Self.many(90))
        let popularity = ContentSamples.popularity([("item-1", 500, 0)], catalogue)
        let query = ContentSamples.query(count: 10, language: "en")
        #expect(Self.slate(query, nil, catalogue, popularity).items.allSatisfy { $0.attributes.language != "de" })
        let long = Self.slate(ContentSamples.query(count: 80, language: "en"), nil, catalogue, popularity)
        #expect(long.items.count == 80)
        let firstForeign = try #require(long.items.firstIndex { $0.attributes.language == "de" })
        #expect(long.items[firstForeign...].allSatisfy { $0.attributes.language == "de" })
    }

    @Test func whatWasSeenComesLast() throws {
        let catalogue = ContentSamples.catalogue(try Self.many(12))
        let popularity = ContentSamples.popularity(
            [("item-0", 50, 0), ("item-1", 40, 0), ("item-2", 30, 0)], catalogue)
        let user = ContentSamples.history([
            (.impression, "item-0", "category-0"), (.click, "item-1", "category-1"),
            (.dismiss, "item-2", "category-2"),
        ])
        let short = Self.ids(Self.slate(ContentSamples.query(count: 9), user, catalogue, popularity))
        #expect(Set(short).isDisjoint(with: ["item-0", "item-1", "item-2"]))
        let all = Self.ids(Self.slate(ContentSamples.query(count: 12), user, catalogue, popularity))
        #expect(Set(all).count == 12)
        #expect(Set(all.suffix(3)) == ["item-0", "item-1", "item-2"])
    }

    @Test func aCategoryHasABoundWhileOthersAreThere() throws {
        let items = try (0..<40).map {
            try ContentSamples.item("item-\($0)", category: $0 < 30 ? "sports" : "other-\($0)", hoursOld: $0 + 1)
        }
        let catalogue = ContentSamples.catalogue(items)
        let user = ContentSamples.history([(.click, "gone", "sports"), (.like, "gone-too", "sports")])
        let slate = Self.slate(ContentSamples.query(count: 10), user, catalogue)
        let sports = CategoryNumber.of("sports")
        #expect(slate.items.count { $0.attributes.category == sports } == SlatePolicy.maxInCategory(of: 10))
        let long = Self.slate(ContentSamples.query(count: 40), user, catalogue)
        #expect(long.items.count == 40)
    }

    @Test func interestLiftsACategory() throws {
        let items = try (0..<100).map {
            try ContentSamples.item("item-\($0)", category: $0 % 10 == 0 ? "cricket" : "other-\($0 % 10)")
        }
        let catalogue = ContentSamples.catalogue(items)
        let popularity = ContentSamples.popularity((0..<100).map { ("item-\($0)", 2, 3) }, catalogue)
        let user = ContentSamples.history(Array(repeating: (.click, "gone", "cricket"), count: 5))
        let slate = Self.slate(ContentSamples.query(count: 4), user, catalogue, popularity)
        let cricket = CategoryNumber.of("cricket")
        #expect(slate.items.prefix(2).allSatisfy { $0.attributes.category == cricket && $0.reason == .affinity })
        #expect(slate.tier == .personal)
    }

    @Test func tiersSayWhatIsKnown() throws {
        let catalogue = ContentSamples.catalogue(try Self.many(30))
        let popularity = ContentSamples.popularity([("item-3", 5, 0)], catalogue)
        let history = ContentSamples.history([(.click, "item-1", "category-1")])
        #expect(Self.slate(ContentSamples.query(), history, catalogue, popularity).tier == .personal)
        #expect(Self.slate(ContentSamples.query(language: "en"), nil, catalogue, popularity).tier == .cohort)
        #expect(Self.slate(ContentSamples.query(country: "DE"), UserState(), catalogue, popularity).tier == .cohort)
        #expect(Self.slate(ContentSamples.query(), nil, catalogue, popularity).tier == .popular)
        #expect(Self.slate(ContentSamples.query(), nil, catalogue).tier == .static)
        let nothing = Self.slate(ContentSamples.query(), nil, CatalogueSnapshot())
        #expect(nothing.items.isEmpty && nothing.tier == .static)
    }

    @Test func withoutConsentTheHistoryTakesNoPartS9() throws {
        let catalogue = ContentSamples.catalogue(try Self.many(60))
        let popularity = ContentSamples.popularity([("item-3", 5, 0), ("item-6", 2, 4)], catalogue)
        var user = ContentSamples.history([(.click, "item-3", "category-3"), (.like, "item-10", "category-3")])
        user.apply(
            .consent(ConsentEvent(user: ContentSamples.user, change: .withdrawal(replacing: []))),
            by: ContentSamples.order(ContentSamples.now), isNew: true)
        let slate = Self.slate(ContentSamples.query(), user, catalogue, popularity)
        #expect(slate == Self.slate(ContentSamples.query(), nil, catalogue, popularity))
        #expect(slate.tier == .popular)
    }

    @Test func slatesHaveAsManyDistinctItemsAsAsked() throws {
        let catalogue = ContentSamples.catalogue(try Self.many(400))
        for count in [1, 2, 10, 100] {
            let slate = Self.slate(ContentSamples.query(count: count, seed: UInt64(count)), nil, catalogue)
            #expect(slate.items.count == count)
            #expect(Set(Self.ids(slate)).count == count)
            #expect(slate.items.map(\.slot) == (0..<count).map(UInt16.init))
        }
        #expect(Self.slate(ContentSamples.query(count: -5), nil, catalogue).items.count == 1)
        #expect(Self.slate(ContentSamples.query(count: 5_000), nil, catalogue).items.count == 100)
    }

    @Test func theLogarithmIsOne() {
        #expect(PortableLogarithm.ofOnePlus(0) == 0)
        #expect(PortableLogarithm.ofOnePlus(-3) == 0)
        #expect(PortableLogarithm.ofOnePlus(.nan) == 0)
        for exponent in 1..<90 {
            let power = Float(sign: .plus, exponent: exponent, significand: 1)
            #expect(abs(PortableLogarithm.ofOnePlus(power - 1) - Float(exponent)) < 1e-5)
        }
        var last: Float = 0
        for step in 1...10_000 {
            let value = PortableLogarithm.ofOnePlus(Float(step) * 0.37)
            #expect(value >= last)
            last = value
        }
        #expect(abs(PortableLogarithm.ofOnePlus(2) - 1.584_962_5) < 1e-6)
        #expect(PortableLogarithm.ofOnePlus(.infinity) < 100)
    }
}
