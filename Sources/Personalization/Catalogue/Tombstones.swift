// Content ids that were withdrawn, each for as long as an older attempt to publish it can still come (S5).

import ClusterModel
import MergeableState

/// The withdrawal that stands of each id, and a heap of them by event id: those that may leave are found without a look at the
/// others. Some 100 bytes a tombstone, whatever the id's length. A value.
struct Tombstones: Sendable {
    struct Entry: Sendable {
        var order: MergeOrder
        var register: Digest128

        static func isOlder(_ lhs: Self, _ rhs: Self) -> Bool {
            (lhs.order, lhs.register) < (rhs.order, rhs.register)
        }
    }

    /// Entries of the heap that stand for nothing any more may be so many, and as many as there are tombstones.
    static let slack = 64

    private var orders: [Digest128: MergeOrder] = [:]
    /// A binary heap, the oldest first. Ids that were published again, or withdrawn by a newer event, leave an entry behind.
    private var heap: [Entry] = []

    var count: Int { orders.count }

    /// What the heap holds, entries included that stand for nothing any more.
    var heapCount: Int { heap.count }

    subscript(register: Digest128) -> MergeOrder? { orders[register] }

    /// Ascending by register. Complexity: O(n log n).
    var ascending: [Entry] {
        orders.map { Entry(order: $0.value, register: $0.key) }.sorted { $0.register < $1.register }
    }

    /// The withdrawal takes the place of an older one of the same id. Complexity: O(log n) amortised.
    mutating func insert(_ register: Digest128, by order: MergeOrder) {
        orders[register] = order
        push(Entry(order: order, register: register))
        shrinkWhereNeeded()
    }

    /// The id is published again. Complexity: O(1) amortised.
    mutating func remove(_ register: Digest128) {
        guard orders.removeValue(forKey: register) != nil else { return }
        shrinkWhereNeeded()
    }

    /// Forgets those whose event ids are of times below `horizon`, the oldest first, at most `limit` at a time. How many.
    /// Complexity: O(1) when none can go, otherwise O(log n) for each that goes.
    mutating func forget(before horizon: WallTime, atMost limit: Int) -> Int {
        var forgotten = 0
        while forgotten < limit, let oldest = heap.first, oldest.order.id.wallTime < horizon {
            pop()
            guard orders[oldest.register] == oldest.order else { continue }
            orders[oldest.register] = nil
            forgotten += 1
        }
        return forgotten
    }
}

// MARK: The heap

extension Tombstones {
    private mutating func push(_ entry: Entry) {
        heap.append(entry)
        var place = heap.count - 1
        while place > 0 {
            let parent = (place - 1) / 2
            guard Entry.isOlder(heap[place], heap[parent]) else { return }
            heap.swapAt(place, parent)
            place = parent
        }
    }

    private mutating func pop() {
        heap.swapAt(0, heap.count - 1)
        heap.removeLast()
        var place = 0
        while true {
            var oldest = place
            for child in [2 * place + 1, 2 * place + 2]
            where child < heap.count && Entry.isOlder(heap[child], heap[oldest]) { oldest = child }
            guard oldest != place else { return }
            heap.swapAt(place, oldest)
            place = oldest
        }
    }

    /// An id that is published and withdrawn over and over costs one tombstone, not one a time.
    private mutating func shrinkWhereNeeded() {
        guard heap.count > 2 * orders.count + Self.slack else { return }
        // A sorted array is a heap, and the same one whatever the order of the dictionary.
        heap = orders.map { Entry(order: $0.value, register: $0.key) }.sorted(by: Entry.isOlder)
    }
}
