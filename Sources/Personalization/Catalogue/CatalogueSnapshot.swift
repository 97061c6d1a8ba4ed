// The catalogue at one moment, for every loop of the node.

package import ClusterModel

/// Immutable; a copy is one reference. Holds all items that are not withdrawn, expired ones too: whether an item may be
/// served is asked with a time (`ContentItem.isServed`).
package struct CatalogueSnapshot: Sendable {
    private final class Storage: Sendable {
        let index: CatalogueIndex
        let digest: Digest128
        let tombstones: Int
        let limit: Int

        init(_ index: CatalogueIndex, _ digest: Digest128, _ tombstones: Int, _ limit: Int) {
            self.index = index
            self.digest = digest
            self.tombstones = tombstones
            self.limit = limit
        }
    }

    private let storage: Storage

    init(_ index: CatalogueIndex, digest: Digest128, tombstones: Int, limit: Int) {
        storage = Storage(index, digest, tombstones, limit)
    }

    /// A catalogue without content.
    package init() { self.init(CatalogueIndex(), digest: .zero, tombstones: 0, limit: 0) }

    var index: CatalogueIndex { storage.index }

    /// Items that are not withdrawn.
    package var count: Int { storage.index.ascending.count }

    /// How full it is. Complexity: O(n): one pass over the rows.
    package func occupancy(at now: WallTime) -> CatalogueOccupancy {
        let index = storage.index
        let expired = index.rows.count { $0.isLive && $0.expiresAt <= now.milliseconds }
        return CatalogueOccupancy(
            items: count, expired: expired, tombstones: storage.tombstones, limit: storage.limit)
    }

    /// `Catalogue.digest` at this moment.
    package var digest: Digest128 { storage.digest }

    /// Complexity: O(1).
    package func item(_ key: ContentKey) -> ContentItem? {
        storage.index.places[key].flatMap { storage.index.item(at: $0) }
    }

    /// Complexity: one SHA-256. Nil for an id that is unknown or withdrawn.
    package func item(id: String) -> ContentItem? {
        guard let item = item(ContentKey(contentID: id)), item.id.utf8.elementsEqual(id.utf8) else { return nil }
        return item
    }

    /// The nearest language to `tag` that the catalogue has items of: the tag's, or what it falls back to (RFC 4647, lookup).
    /// The tag's own where there is none of either. Complexity: O(subtags).
    package func language(nearest tag: LanguageTag) -> LanguageCode {
        let codes = tag.codes
        return codes.first(where: index.holds) ?? codes.first ?? .none
    }

    /// The newest items, newest first, ties by ascending key; of one language where one is given. Complexity: O(limit).
    package func newest(_ limit: Int, language: LanguageCode? = nil) -> [ContentItem] {
        let order = language.map { storage.index.ascendingByLanguage[$0] ?? [] } ?? storage.index.ascending
        return items(order, limit)
    }

    /// The newest items of a category, newest first, ties by ascending key. Complexity: O(limit).
    package func newest(_ limit: Int, category: String) -> [ContentItem] {
        items(storage.index.ascendingByCategory[CategoryNumber.of(category)] ?? [], limit)
    }

    /// Items with an id above `id`, ascending by the ids' bytes: a page of a listing. Complexity: O(n log n).
    package func items(after id: String, limit: Int) -> [ContentItem] {
        let above = storage.index.ascending.compactMap { storage.index.item(at: Int($0)) }.filter {
            id.utf8.lexicographicallyPrecedes($0.id.utf8)
        }
        let sorted = above.sorted { $0.id.utf8.lexicographicallyPrecedes($1.id.utf8) }
        return Array(sorted.prefix(max(0, limit)))
    }

    private func items(_ order: [UInt32], _ limit: Int) -> [ContentItem] {
        order.suffix(max(0, limit)).reversed().compactMap { storage.index.item(at: Int($0)) }
    }
}

extension ContentItem {
    /// Whether the item may be served at `now`: published and not expired.
    package func isServed(at now: WallTime) -> Bool {
        publishedAt <= now && (expiresAt.map { now < $0 } ?? true)
    }
}
