// The newest N of a set of event ids.

package import ClusterModel

/// Holds at most `limit` ids, ascending. An id that fell out never returns, whatever the order of arrival: it is older than
/// N others for good, so merging is commutative, associative and idempotent.
package struct NewestIDs: Hashable, Sendable {
    package let limit: Int
    /// Ascending by (time, client), distinct.
    package private(set) var ids: [EventID] = []

    /// `limit` is at least 1.
    package init(limit: Int) { self.limit = max(1, limit) }

    /// Complexity: O(limit).
    package mutating func insert(_ id: EventID) {
        let place = ids.firstIndex { $0 >= id } ?? ids.count
        if place < ids.count, ids[place] == id { return }
        guard ids.count == limit else { return ids.insert(id, at: place) }
        guard place > 0 else { return }
        ids.insert(id, at: place)
        ids.removeFirst()
    }

    package mutating func formUnion(_ other: some Sequence<EventID>) { for id in other { insert(id) } }

    /// Complexity: O(log limit).
    package func contains(_ id: EventID) -> Bool {
        var (low, high) = (0, ids.count)
        while low < high {
            let middle = low + (high - low) / 2
            if ids[middle] < id { low = middle + 1 } else { high = middle }
        }
        return low < ids.count && ids[low] == id
    }

    /// Those that are not in `other`, ascending. Complexity: O(limit).
    package func subtracting(_ other: NewestIDs) -> [EventID] {
        var rest: [EventID] = []
        var next = other.ids.startIndex
        for id in ids {
            while next < other.ids.endIndex, other.ids[next] < id { next += 1 }
            if next == other.ids.endIndex || other.ids[next] != id { rest.append(id) }
        }
        return rest
    }

    /// Whether every one of them is in `other`. Complexity: O(limit), without an allocation.
    package func isSubset(of other: NewestIDs) -> Bool {
        var next = other.ids.startIndex
        for id in ids {
            while next < other.ids.endIndex, other.ids[next] < id { next += 1 }
            guard next < other.ids.endIndex, other.ids[next] == id else { return false }
        }
        return true
    }
}
