// Totals are sums of the latest partials, replaced and never added (S13); scores decay as the formula says.

import ClusterModel
import NodeEnvironment
import Testing

@testable import Personalization

@Suite struct PopularityTests {
    private static let empty = CatalogueSnapshot()
    private static let key = ContentKey(contentID: "a")

    private static func partial(_ kinds: [InteractionKind], of id: String = "a", hours: Int = 0) -> PopularityPartial {
        var partial = PopularityPartial()
        for kind in kinds { partial.add(kind, of: ContentKey(contentID: id), at: ContentSamples.hoursAgo(hours)) }
        return partial
    }

    @Test func partialsAreReplacedAndNotAddedS13() {
        var totals = PopularityTotals()
        let first = Self.partial([.click, .click, .impression, .like])
        totals.replace(PartitionID(0), with: first)
        totals.replace(PartitionID(0), with: first)
        totals.replace(PartitionID(1), with: Self.partial([.click]))
        let once = totals.snapshot(at: ContentSamples.now, catalogue: Self.empty).counts(of: Self.key)
        #expect(once?.clicks == 3 && once?.impressions == 1 && once?.strong == 1)
        // A shard that was restored behind shows less: the latest partial stands.
        totals.replace(PartitionID(0), with: Self.partial([.click]))
        #expect(totals.snapshot(at: ContentSamples.now, catalogue: Self.empty).counts(of: Self.key)?.clicks == 2)
        totals.remove(PartitionID(0))
        #expect(totals.snapshot(at: ContentSamples.now, catalogue: Self.empty).counts(of: Self.key)?.clicks == 1)
        totals.remove(PartitionID(1))
        #expect(totals.snapshot(at: ContentSamples.now, catalogue: Self.empty).counts(of: Self.key) == nil)
    }

    @Test func scoresDecayByHalfLife() {
        for halfLife in PopularityHalfLife.allCases {
            for hours in [0, 1, 6, 24, 100, 335] {
                var totals = PopularityTotals()
                totals.replace(PartitionID(0), with: Self.partial([.click, .click, .click], hours: hours))
                let score = totals.snapshot(at: ContentSamples.now, catalogue: Self.empty).score(of: Self.key, halfLife)
                // 3 * 2^(-hours / h) by repeated square roots and products, apart from the table's own way.
                let expected = 3 * Self.power(-Double(hours) / Double(halfLife.hours))
                #expect(abs(score - expected) < 1e-6, "\(halfLife) after \(hours) h: \(score), expected \(expected)")
            }
        }
    }

    /// 2^x for x <= 0, bit by bit of its fraction.
    private static func power(_ x: Double) -> Double {
        let whole = x.rounded(.down)
        var rest = x - whole
        var (result, root) = (1.0, 2.0)
        for _ in 0..<40 {
            root = root.squareRoot()
            rest *= 2
            if rest >= 1 {
                rest -= 1
                result *= root
            }
        }
        return whole < -60 ? 0 : result / Double(1 << Int(-whole))
    }

    @Test func bucketsCountInsideTheWindowOfTheReader() {
        var totals = PopularityTotals()
        totals.replace(PartitionID(0), with: Self.partial([.click], hours: 336))
        totals.replace(PartitionID(1), with: Self.partial([.click], of: "b", hours: 335))
        totals.replace(PartitionID(2), with: Self.partial([.click], of: "c", hours: -2))
        let snapshot = totals.snapshot(at: ContentSamples.now, catalogue: Self.empty)
        #expect(snapshot.score(of: Self.key, .twoWeeks) == 0)
        #expect(snapshot.score(of: ContentKey(contentID: "b"), .twoWeeks) > 0.49)
        #expect(snapshot.score(of: ContentKey(contentID: "c"), .oneHour) == 1)
    }

    @Test(arguments: 0..<20 as Range<UInt64>) func totalsDoNotDependOnTheSplitOrTheOrder(seed: UInt64) throws {
        var generator = SeededGenerator(seed: seed)
        let items = try (0..<30).map { try ContentSamples.item("item-\($0)", language: $0 % 3 == 0 ? "de" : "en") }
        let catalogue = ContentSamples.catalogue(items)
        var whole = PopularityPartial()
        var parts = Array(repeating: PopularityPartial(), count: 8)
        for _ in 0..<400 {
            let content = items[Int(generator.next() % 30)].key
            let time = ContentSamples.hoursAgo(Int(generator.next() % 300))
            whole.add(.click, of: content, at: time)
            parts[Int(generator.next() % 8)].add(.click, of: content, at: time)
        }
        var one = PopularityTotals()
        one.replace(PartitionID(0), with: whole)
        var many = PopularityTotals()
        for place in parts.indices.shuffled(using: &generator) {
            many.replace(PartitionID(UInt32(place)), with: parts[place])
        }
        let (left, right) = (
            one.snapshot(at: ContentSamples.now, catalogue: catalogue),
            many.snapshot(at: ContentSamples.now, catalogue: catalogue)
        )
        for halfLife in PopularityHalfLife.allCases {
            for language in [nil, LanguageCode("en"), LanguageCode("de"), LanguageCode.none] {
                #expect(left.top(20, halfLife, language: language) == right.top(20, halfLife, language: language))
            }
        }
        for item in items { #expect(left.features(of: item.key) == right.features(of: item.key), "seed \(seed)") }
    }

    @Test func listsHoldLiveItemsByScoreThenKey() throws {
        let items = try ["a", "b", "c", "d"].map { try ContentSamples.item($0, language: $0 == "d" ? "de" : "en") }
        let catalogue = ContentSamples.catalogue(items)
        let snapshot = ContentSamples.popularity(
            [("a", 1, 5), ("b", 3, 1), ("c", 1, 5), ("d", 9, 0), ("unknown", 50, 0)], catalogue)
        let tied = [items[0].key, items[2].key].sorted()
        #expect(snapshot.top(9, .oneDay).map(\.content) == [items[3].key, items[1].key] + tied)
        #expect(snapshot.top(9, .oneDay, language: LanguageCode("en")).map(\.content) == [items[1].key] + tied)
        #expect(snapshot.top(1, .oneDay, language: LanguageCode("de")).first?.counts.clicks == 9)
        #expect(snapshot.top(9, .oneDay, language: LanguageCode("fr")).isEmpty)
        #expect(!snapshot.isEmpty)
        #expect(PopularitySnapshot().isEmpty)
    }

    @Test func listsKeepTheBest() {
        var ranking = BoundedRanking(limit: 10)
        var generator = SeededGenerator(seed: 3)
        var all: [BoundedRanking.Entry] = []
        for place in 0..<500 {
            let item = PopularityLists.Item(
                key: ContentKey(rawValue: generator.next()), place: UInt32(place), row: UInt32(place))
            let entry = BoundedRanking.Entry(score: Int64(generator.next() % 40), item: item)
            all.append(entry)
            ranking.insert(entry)
        }
        let best = all.filter { $0.score > 0 }.sorted(by: BoundedRanking.Entry.isBefore).prefix(10)
        #expect(ranking.items.map(\.key) == best.map(\.item.key))
    }
}
