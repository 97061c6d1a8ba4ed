// What a replica has applied: for each origin the newest incarnation and the next offset in it (S1).

package import ClusterModel

/// One entry a region normally stands for the region's whole line; while ends are not agreed a region can have more
/// entries than one, an entry an incarnation.
package struct VersionVector: Hashable, Sendable {
    package struct Entry: Hashable, Comparable, Sendable {
        package var region: RegionNumber
        package var incarnation: Incarnation
        /// The next offset to apply.
        package var next: Offset

        package init(region: RegionNumber, incarnation: Incarnation, next: Offset) {
            self.region = region
            self.incarnation = incarnation
            self.next = next
        }

        package static func < (lhs: Self, rhs: Self) -> Bool {
            (lhs.region, lhs.incarnation, lhs.next) < (rhs.region, rhs.incarnation, rhs.next)
        }
    }

    /// Sorted by region and incarnation; one entry each. At most `maxEntries`.
    package private(set) var entries: [Entry]
    /// What the entries of a region stand on, where an ends record is applied (S1a). Empty in a session's vector.
    package let bases: [RegionNumber: EndsPoint]

    package static let maxEntries = 4_096

    package init() { self.init([]) }

    /// Keeps the highest `next` where an incarnation stands twice.
    package init(_ entries: some Sequence<Entry>, bases: [RegionNumber: EndsPoint] = [:]) {
        self.entries = []
        self.bases = bases
        for entry in entries { advance(entry) }
    }

    /// The next offset in a log, zero for one that is not here.
    package func next(in region: RegionNumber, _ incarnation: Incarnation) -> Offset {
        entries.first { $0.region == region && $0.incarnation == incarnation }?.next ?? .zero
    }

    /// Raises an entry to `entry.next`; never lowers it. Complexity: O(entries).
    package mutating func advance(_ entry: Entry) {
        let place = entries.firstIndex {
            ($0.region, $0.incarnation) >= (entry.region, entry.incarnation)
        }
        guard let place else { return entries.append(entry) }
        if (entries[place].region, entries[place].incarnation) == (entry.region, entry.incarnation) {
            entries[place].next = max(entries[place].next, entry.next)
        } else {
            entries.insert(entry, at: place)
        }
    }

    /// Drops an incarnation that a newer one of the same line now stands for.
    package mutating func remove(_ region: RegionNumber, _ incarnation: Incarnation) {
        entries.removeAll { $0.region == region && $0.incarnation == incarnation }
    }
}
