// The newest N of a set, by (id time, id): the second merge primitive.

package import ClusterModel

/// Holds at most `limit` entries, newest first. An entry that fell out never returns, whatever the order of arrival: it
/// is older than N others for good, so merging is commutative, associative and idempotent.
package struct NewestSet<Element: Hashable & Sendable>: Hashable, Sendable {
    package struct Entry: Hashable, Sendable {
        package var order: MergeOrder
        package var element: Element
    }

    package let limit: Int
    /// Newest first.
    package private(set) var entries: [Entry] = []

    /// `limit` is at least 1.
    package init(limit: Int) { self.limit = max(1, limit) }

    /// Complexity: O(limit).
    package mutating func insert(_ element: Element, by order: MergeOrder) {
        let place = entries.firstIndex { $0.order <= order } ?? entries.count
        if place < entries.count, entries[place].order == order { return }
        guard place < limit else { return }
        entries.insert(Entry(order: order, element: element), at: place)
        if entries.count > limit { entries.removeLast() }
    }

    package mutating func merge(_ other: Self) {
        for entry in other.entries { insert(entry.element, by: entry.order) }
    }

    /// Forgets entries at or before the cut (S9).
    package mutating func erase(upTo cut: WallTime) { entries.removeAll { !$0.order.isAfter(cut) } }
}
