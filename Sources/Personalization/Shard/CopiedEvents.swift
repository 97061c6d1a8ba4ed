// Which events stand in this life's own log, as far as cursors are asked about them (S11).

import ClusterModel
import DequeModule
import MergeableState

/// The newest events that were appended here at `remote` durability. Of a duplicate that is not among them nobody knows in
/// which log its first copy stands: the own log's cursors prove nothing of it, and a copy is appended that they do prove.
/// A value.
struct CopiedEvents: Sendable {
    /// What falls out costs one more copy when it is repeated.
    static let limit = 4_096

    /// Where the newest copy of each stands in the own log.
    private var places: [MergeOrder: Offset] = [:]
    private var byAge: Deque<MergeOrder> = []

    /// Nil for an event that is not among them.
    func place(of key: MergeOrder) -> Offset? { places[key] }

    /// Complexity: O(1).
    mutating func insert(_ key: MergeOrder, at place: Offset) {
        guard places.updateValue(place, forKey: key) == nil else { return }
        byAge.append(key)
        if byAge.count > Self.limit, let oldest = byAge.popFirst() { places[oldest] = nil }
    }
}
