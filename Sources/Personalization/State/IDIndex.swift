// Which events a replica has counted (S5): the key is (id, 64-bit body digest). It guards sums only.

package import ClusterModel
package import MergeableState

/// Keys by ten seconds of id time, so that a whole slice is forgotten at once.
///
/// Memory is rate x (R + F + lag) keys of about 40 bytes: at 1,000 events a second a shard and the standard bounds some
/// 25 MB. The door refuses new events at `limit`; replay and mirrors must not.
package struct IDIndex: Sendable {
    private static let slice: UInt64 = 10_000

    /// By id time divided by `slice`.
    private var slices: [UInt64: Set<MergeOrder>] = [:]
    private var oldest: UInt64 = .max
    package private(set) var count = 0

    package init() {}

    package func contains(_ key: MergeOrder) -> Bool {
        slices[key.id.wallTime.milliseconds / Self.slice]?.contains(key) ?? false
    }

    /// Whether the key is new.
    @discardableResult
    package mutating func insert(_ key: MergeOrder) -> Bool {
        let slice = key.id.wallTime.milliseconds / Self.slice
        if slices[slice] == nil {
            // As large as the one before: at a steady rate it never grows, which would move all of its keys at once.
            slices[slice] = Set(minimumCapacity: slices[slice &- 1]?.count ?? 0)
        }
        guard slices[slice, default: []].insert(key).inserted else { return false }
        oldest = min(oldest, slice)
        count += 1
        return true
    }

    /// Forgets ids of times below `horizon`: the least of the member origins' times less R + 2D. Whole slices only, so an
    /// id is kept up to ten seconds longer. Complexity: O(1) when nothing can go.
    package mutating func forget(before horizon: WallTime) {
        let end = horizon.milliseconds / Self.slice
        guard oldest < end else { return }
        for slice in slices.keys.sorted() where slice < end { count -= slices.removeValue(forKey: slice)?.count ?? 0 }
        oldest = slices.keys.min() ?? .max
    }

    /// Forgets the oldest slices while there are more than `limit` ids. Whether any was forgotten. For readers whose index
    /// spares repetitions and guards nothing.
    package mutating func forgetOldest(above limit: Int) -> Bool {
        guard count > limit else { return false }
        for slice in slices.keys.sorted().dropLast() where count > limit {
            count -= slices.removeValue(forKey: slice)?.count ?? 0
        }
        oldest = slices.keys.min() ?? .max
        return true
    }

    /// The latest id time. Complexity: O(slices + ids of one of them).
    var latestTime: WallTime? { slices.keys.max().flatMap { slices[$0]?.map(\.id.wallTime).max() } }

    /// All keys, ascending: for snapshots.
    package var keys: [MergeOrder] {
        slices.keys.sorted().flatMap { slices[$0]?.sorted() ?? [] }
    }
}
