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
    /// False for a row that is free: it stands in no order.
    var isLive: Bool
    /// Place in the restrictions + 1; 0 for everywhere.
    var restriction: UInt32

    /// Oldest first; equal times by descending key, so that read backwards ties come by ascending key.
    static func isOlder(_ lhs: Self, _ rhs: Self) -> Bool {
        lhs.publishedAt != rhs.publishedAt ? lhs.publishedAt < rhs.publishedAt : lhs.key > rhs.key
    }
}

/// Rows by number; an item keeps its row until it is withdrawn, and then another may have it: row numbers follow the order of
/// arrival and decide nothing.
///
/// Complexity of a change: O(log n) comparisons and the move of up to n four-byte numbers in each of three orders, of
/// which there is little when items come in the order of publication.
struct CatalogueIndex: Sendable {
    private static let itemsInChunk = 128

    private(set) var rows: [ContentRow] = []
    /// By row, nil for a free one; in chunks, so that a change copies one chunk and not every item's references.
    private var items: [[ContentItem?]] = []
    private var freeRows: [UInt32] = []
    private var restrictions: [CountrySet] = []
    private var freeRestrictions: [UInt32] = []
    private(set) var places = ContentKeyTable()
    /// Row numbers of what is live, oldest first.
    private(set) var ascending: [UInt32] = []
    private(set) var ascendingByCategory: [UInt16: [UInt32]] = [:]
    private(set) var ascendingByLanguage: [LanguageCode: [UInt32]] = [:]

    /// Nil for a free row.
    func item(at row: Int) -> ContentItem? { items[row / Self.itemsInChunk][row % Self.itemsInChunk] }

    /// Whether the row may be served in a country; nil, an unknown country, is served what is served everywhere.
    func isAllowed(_ row: ContentRow, in country: CountryNumber?) -> Bool {
        guard row.restriction != 0 else { return true }
        guard let country else { return false }
        return restrictions[Int(row.restriction) - 1].contains(country)
    }

    /// Whether an item of the language may be served.
    func holds(_ language: LanguageCode) -> Bool { ascendingByLanguage[language] != nil }

    /// A row for an item that has none.
    mutating func append(_ item: ContentItem, key: ContentKey) -> UInt32 {
        let number = freeRows.popLast() ?? addRow()
        index(item, key: key, at: number)
        return number
    }

    /// A newer publication takes the row.
    mutating func replace(_ number: UInt32, with item: ContentItem) {
        remove(number)
        index(item, key: rows[Int(number)].key, at: number)
    }

    /// The item is withdrawn: its row is free.
    mutating func release(_ number: UInt32) {
        remove(number)
        let place = Int(number)
        places.remove(rows[place].key, row: place)
        rows[place] = Self.freeRow
        items[place / Self.itemsInChunk][place % Self.itemsInChunk] = nil
        freeRows.append(number)
    }

    private static let freeRow = ContentRow(
        key: ContentKey(rawValue: 0), publishedAt: 0, expiresAt: 0, language: .none, category: 0, ageRating: 0,
        isLive: false, restriction: 0)

    private mutating func addRow() -> UInt32 {
        let number = rows.count
        if number % Self.itemsInChunk == 0 { items.append([]) }
        items[number / Self.itemsInChunk].append(nil)
        rows.append(Self.freeRow)
        return UInt32(number)
    }

    private mutating func index(_ item: ContentItem, key: ContentKey, at number: UInt32) {
        let place = Int(number)
        items[place / Self.itemsInChunk][place % Self.itemsInChunk] = item
        rows[place] = ContentRow(
            key: key, publishedAt: item.publishedAt.milliseconds, expiresAt: item.expiresAt?.milliseconds ?? .max,
            language: LanguageCode(item.language) ?? .none, category: CategoryNumber.of(item.category),
            ageRating: item.ageRating, isLive: true, restriction: restrict(to: item.countries))
        // Two ids with one key share their counts; the one that came first is found by it while it stays.
        places.insert(key, row: place)
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
