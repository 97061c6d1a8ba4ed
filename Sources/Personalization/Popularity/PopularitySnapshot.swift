// Popularity at one moment, for every loop of the node: scores by item and lists of the most popular.

package import ClusterModel

/// Immutable; a copy is one reference. Made anew every second or so, replacing the one before.
package struct PopularitySnapshot: Sendable {
    /// One item of a list.
    package struct Entry: Hashable, Sendable {
        package var content: ContentKey
        /// P_h.
        package var score: Double
        package var counts: PopularityPartial.Counts
    }

    /// Items of a list over all languages, of one language's, of one category's.
    package static let itemsInList = 256
    package static let itemsInLanguageList = 64
    package static let itemsInCategoryList = 16

    private final class Storage: Sendable {
        let evaluatedAt: WallTime
        let sums: PopularitySums
        let features: [SIMD16<Float>]
        let unknown: SIMD16<Float>
        let lists: PopularityLists

        init(_ sums: PopularitySums, _ evaluatedAt: WallTime, _ lists: PopularityLists) {
            self.evaluatedAt = evaluatedAt
            self.sums = sums
            self.lists = lists
            features = sums.items.map { ItemFeatures.popularity(of: $0, impressionsOfAll: sums.impressions) }
            unknown = ItemFeatures.popularity(
                of: PopularitySums.Item(key: ContentKey(rawValue: 0)), impressionsOfAll: sums.impressions)
        }
    }

    private let storage: Storage

    init(_ sums: PopularitySums, at now: WallTime, catalogue: CatalogueSnapshot) {
        storage = Storage(sums, now, PopularityLists(sums, catalogue))
    }

    /// Nothing is known to be popular.
    package init() {
        self.init(PopularitySums(), at: WallTime(milliseconds: 0), catalogue: CatalogueSnapshot())
    }

    package var evaluatedAt: WallTime { storage.evaluatedAt }

    /// Whether no item has a click within the window.
    package var isEmpty: Bool { storage.lists.isEmpty }

    /// Items with any count within the window.
    package var itemCount: Int { storage.sums.items.count }

    /// The exact sums over the window; nil for an item without any. Complexity: O(1).
    package func counts(of content: ContentKey) -> PopularityPartial.Counts? {
        storage.sums.places[content].map { storage.sums.items[$0].counts }
    }

    /// P_h of clicks; 0 for an item without any. Complexity: O(1).
    package func score(of content: ContentKey, _ halfLife: PopularityHalfLife) -> Double {
        storage.sums.places[content].map { Self.score(storage.sums.items[$0], halfLife) } ?? 0
    }

    /// The most popular items of the catalogue, the highest score first, ties by ascending key; of one language where one
    /// is given (the empty one: items without a language). At most `itemsInList` or `itemsInLanguageList`.
    /// Complexity: O(limit).
    package func top(
        _ limit: Int, _ halfLife: PopularityHalfLife, language: LanguageCode? = nil
    ) -> [Entry] {
        storage.lists.list(halfLife, language).prefix(max(0, limit)).map { listed in
            let item = storage.sums.items[Int(listed.place)]
            return Entry(content: item.key, score: Self.score(item, halfLife), counts: item.counts)
        }
    }

    private static func score(_ item: PopularitySums.Item, _ halfLife: PopularityHalfLife) -> Double {
        Double(item.scores[halfLife.rawValue]) / Double(PopularityWeights.one)
    }

    // MARK: What ranking reads

    /// The most popular, in order.
    func list(_ halfLife: PopularityHalfLife, _ language: LanguageCode?) -> [PopularityLists.Item] {
        storage.lists.list(halfLife, language)
    }

    /// The most popular of a category, in order.
    func list(_ halfLife: PopularityHalfLife, category: UInt16) -> [PopularityLists.Item] {
        storage.lists.list(halfLife, category: category)
    }

    func features(at place: UInt32) -> SIMD16<Float> { storage.features[Int(place)] }

    /// The lanes of popularity.
    func features(of content: ContentKey) -> SIMD16<Float> {
        guard let place = storage.sums.places[content] else { return storage.unknown }
        return storage.features[place]
    }
}

/// The most popular items by half-life, over all languages, by language and by category, in order.
struct PopularityLists: Sendable {
    struct Item: Sendable {
        var key: ContentKey
        /// Its place in the sums.
        var place: UInt32
        /// Its row in the catalogue that the lists were made with. Rows keep their numbers, so it is the row of every
        /// later snapshot too; ranking compares the key before it believes that.
        var row: UInt32
    }

    private let global: [[Item]]
    private let byLanguage: [LanguageCode: [[Item]]]
    private let byCategory: [UInt16: [[Item]]]

    /// Leaves out items without clicks and those that the catalogue does not know.
    /// Complexity: O(items), beside the few that enter a list.
    init(_ sums: PopularitySums, _ catalogue: CatalogueSnapshot) {
        let index = catalogue.index
        func empty(_ limit: Int) -> [BoundedRanking] {
            PopularityHalfLife.allCases.map { _ in BoundedRanking(limit: limit) }
        }
        var all = empty(PopularitySnapshot.itemsInList)
        let emptyOfLanguage = empty(PopularitySnapshot.itemsInLanguageList)
        let emptyOfCategory = empty(PopularitySnapshot.itemsInCategoryList)
        var languages: [LanguageCode: [BoundedRanking]] = [:]
        var categories: [UInt16: [BoundedRanking]] = [:]
        for (place, item) in sums.items.enumerated() where item.counts.clicks > 0 {
            guard let row = index.places[item.key], index.rows[row].isLive else { continue }
            for halfLife in PopularityHalfLife.allCases {
                let entry = BoundedRanking.Entry(
                    score: item.scores[halfLife.rawValue],
                    item: Item(key: item.key, place: UInt32(place), row: UInt32(row)))
                all[halfLife.rawValue].insert(entry)
                languages[index.rows[row].language, default: emptyOfLanguage][halfLife.rawValue].insert(entry)
                categories[index.rows[row].category, default: emptyOfCategory][halfLife.rawValue].insert(entry)
            }
        }
        global = all.map(\.items)
        byLanguage = languages.mapValues { $0.map(\.items) }
        byCategory = categories.mapValues { $0.map(\.items) }
    }

    var isEmpty: Bool { global.allSatisfy(\.isEmpty) }

    func list(_ halfLife: PopularityHalfLife, _ language: LanguageCode?) -> [Item] {
        guard let language else { return global[halfLife.rawValue] }
        return byLanguage[language]?[halfLife.rawValue] ?? []
    }

    func list(_ halfLife: PopularityHalfLife, category: UInt16) -> [Item] {
        byCategory[category]?[halfLife.rawValue] ?? []
    }
}

/// The best `limit` of what is inserted: by descending score, ties by ascending key.
struct BoundedRanking: Sendable {
    struct Entry: Sendable {
        var score: Int64
        var item: PopularityLists.Item

        static func isBefore(_ lhs: Self, _ rhs: Self) -> Bool {
            lhs.score != rhs.score ? lhs.score > rhs.score : lhs.item.key < rhs.item.key
        }
    }

    private let limit: Int
    private var entries: [Entry] = []

    init(limit: Int) { self.limit = limit }

    var items: [PopularityLists.Item] { entries.map(\.item) }

    /// Zero scores (decayed away) stay out. Complexity: O(1) for what does not get in, O(limit) for what does.
    mutating func insert(_ entry: Entry) {
        guard entry.score > 0 else { return }
        if entries.count == limit {
            guard let last = entries.last, Entry.isBefore(entry, last) else { return }
            entries.removeLast()
        }
        var low = 0
        var high = entries.count
        while low < high {
            let middle = (low + high) / 2
            if Entry.isBefore(entries[middle], entry) { low = middle + 1 } else { high = middle }
        }
        entries.insert(entry, at: low)
    }
}
