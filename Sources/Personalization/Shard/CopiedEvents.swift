// Which events stand in this life's own log, as far as cursors are asked about them (S11).

import DequeModule
import MergeableState

/// The newest events that were appended here at `remote` durability. Of a duplicate that is not among them nobody knows in
/// which log its first copy stands: the own log's cursors prove nothing of it, and a copy is appended that they do prove.
/// A value.
struct CopiedEvents: Sendable {
    /// What falls out costs one more copy when it is repeated.
    static let limit = 4_096

    private var keys: Set<MergeOrder> = []
    private var byAge: Deque<MergeOrder> = []

    func contains(_ key: MergeOrder) -> Bool { keys.contains(key) }

    /// Complexity: O(1).
    mutating func insert(_ key: MergeOrder) {
        guard keys.insert(key).inserted else { return }
        byAge.append(key)
        if byAge.count > Self.limit, let oldest = byAge.popFirst() { keys.remove(oldest) }
    }
}
