// A value that the newest event decides: the first of the three merge primitives (idea 2).

package import ClusterModel

/// Keeps the value written by the highest `MergeOrder`. Merging is commutative, associative and idempotent.
package struct LastWriterRegister<Value: Hashable & Sendable>: Hashable, Sendable {
    package private(set) var value: Value?
    package private(set) var order: MergeOrder?

    package init() {}

    /// Takes a write; an older one, or the same one again, changes nothing.
    package mutating func write(_ newValue: Value, by newOrder: MergeOrder) {
        if let order, order >= newOrder { return }
        value = newValue
        order = newOrder
    }

    package mutating func merge(_ other: Self) {
        if let value = other.value, let order = other.order { write(value, by: order) }
    }

    /// Forgets a value written at or before the cut (S9).
    package mutating func erase(upTo cut: WallTime) {
        guard let order, !order.isAfter(cut) else { return }
        self = Self()
    }
}
