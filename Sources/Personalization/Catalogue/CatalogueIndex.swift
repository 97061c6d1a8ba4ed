// The rows of the catalogue and the orders in which ranking looks for candidates. Plain integers but for the items
// themselves, so that a snapshot costs references and the first change after it costs copies of memory.

import ClusterModel

/// What ranking reads of one item, in 40 bytes.
struct ContentRow: Sendable {
    var key: ContentKey
    var publishedAt: UInt64
    /// Milliseconds; `.max` for never.
    var expiresAt: UInt64
    var language: LanguageCode
    var category: UInt16
    var ageRating: UInt8
    /// False for a withdrawn item: it then stands in no order.
    var isLive: Bool
    /// Place in the restrictions + 1; 0 for everywhere.
    var restriction: UInt32

    /// Oldest first; equal times by descending key, so that read backwards ties come by ascending key.
    static func isOlder(_ lhs: Self, _ rhs: Self) -> Bool {
        lhs.publishedAt != rhs.publishedAt ? lhs.publishedAt < rhs.publishedAt : lhs.key > rhs.key
    }
}

/// Rows by number; a content id keeps its row for ever, so row numbers follow the order of arrival and decide nothing.
///
/// Complexity of a change: O(log n) comparisons and the move of up to n four-byte numbers in each of three orders, of
/// which there is little when items come in the order of publication.
struct CatalogueIndex: Sendable {
    private static let eventsInChunk = 128

    private(set) var rows: [ContentRow] = []
    /// The write that stands, by row; in chunks, so that a change copies one chunk and not every item's references.
    private var events: [[ContentEvent]] = []
    private var restrictions: [CountrySet] = []
    private var freeRestrictions: [UInt32] = []
    private(set) var places = ContentKeyTable()
    /// Row numbers of what is live, oldest first.
    private(set) var ascending: [UInt32] = []
    private(set) var ascendingByCategory: [UInt16: [UInt32]] = [:]
    private(set) var ascendingByLanguage: [LanguageCode: [UInt32]] = [:]

    func event(at row: Int) -> ContentEvent { events[row / Self.eventsInChunk][row % Self.eventsInChunk] }

    /// Nil for a withdrawn row.
    func item(at row: Int) -> ContentItem? { event(at: row).item }

    /// Whether the row may be served in a country; nil, an unknown country, is served what is served everywhere.
    func isAllowed(_ row: ContentRow, in country: CountryNumber?) -> Bool {
        guard row.restriction != 0 else { return true }
        guard let country else { return false }
        return restrictions[Int(row.restriction) - 1].contains(country)
    }

    /// Whether an item of the language may be served.
    func holds(_ language: LanguageCode) -> Bool { ascendingByLanguage[language] != nil }

    /// A row for the first event of an id.
    mutating func append(_ event: ContentEvent, key: ContentKey) -> UInt32 {
        let number = rows.count
        if number % Self.eventsInChunk == 0 { events.append([]) }
        events[number / Self.eventsInChunk].append(event)
        rows.append(
            ContentRow(
                key: key, publishedAt: 0, expiresAt: 0, language: .none, category: 0, ageRating: 0, isLive: false,
                restriction: 0))
        // Two ids with one key share their counts; the one that came first is found by it.
        places.insert(key, row: number)
        index(event, at: UInt32(number))
        return UInt32(number)
    }

    /// A newer event takes the row.
    mutating func replace(_ number: UInt32, with event: ContentEvent) {
        remove(number)
        let place = Int(number)
        events[place / Self.eventsInChunk][place % Self.eventsInChunk] = event
        index(event, at: number)
    }

    private mutating func index(_ event: ContentEvent, at number: UInt32) {
        guard let item = event.item else { return }
        let place = Int(number)
        rows[place] = ContentRow(
            key: rows[place].key, publishedAt: item.publishedAt.milliseconds,
            expiresAt: item.expiresAt?.milliseconds ?? .max, language: LanguageCode(item.language) ?? .none,
            category: CategoryNumber.of(item.category), ageRating: item.ageRating, isLive: true,
            restriction: restrict(to: item.countries))
        insert(number)
    }

    private mutating func insert(_ number: UInt32) {
        let row = rows[Int(number)]
        Self.insert(number, into: &ascending, rows)
        Self.insert(number, into: &ascendingByCategory[row.category, default: []], rows)
        Self.insert(number, into: &ascendingByLanguage[row.language, default: []], rows)
    }

    private mutating func remove(_ number: UInt32) {
        let row = rows[Int(number)]
        guard row.isLive else { return }
        Self.remove(number, from: &ascending, rows)
        Self.remove(number, from: &ascendingByCategory[row.category, default: []], rows)
        Self.remove(number, from: &ascendingByLanguage[row.language, default: []], rows)
        if ascendingByCategory[row.category]?.isEmpty == true { ascendingByCategory[row.category] = nil }
        if ascendingByLanguage[row.language]?.isEmpty == true { ascendingByLanguage[row.language] = nil }
        if row.restriction != 0 { freeRestrictions.append(row.restriction) }
        rows[Int(number)].isLive = false
        rows[Int(number)].restriction = 0
    }

    private mutating func restrict(to countries: [String]) -> UInt32 {
        guard !countries.isEmpty else { return 0 }
        let set = CountrySet(countries)
        if let free = freeRestrictions.popLast() {
            restrictions[Int(free) - 1] = set
            return free
        }
        restrictions.append(set)
        return UInt32(restrictions.count)
    }

    private static func insert(_ number: UInt32, into order: inout [UInt32], _ rows: [ContentRow]) {
        order.insert(number, at: lowerBound(of: rows[Int(number)], in: order, rows))
    }

    private static func remove(_ number: UInt32, from order: inout [UInt32], _ rows: [ContentRow]) {
        // Rows with one time and one key (a collision) stand side by side.
        var place = lowerBound(of: rows[Int(number)], in: order, rows)
        while place < order.count, order[place] != number { place += 1 }
        if place < order.count { order.remove(at: place) }
    }

    /// The first place whose row is not older than `row`.
    private static func lowerBound(of row: ContentRow, in order: [UInt32], _ rows: [ContentRow]) -> Int {
        var low = 0
        var high = order.count
        while low < high {
            let middle = (low + high) / 2
            if ContentRow.isOlder(rows[Int(order[middle])], row) { low = middle + 1 } else { high = middle }
        }
        return low
    }
}
