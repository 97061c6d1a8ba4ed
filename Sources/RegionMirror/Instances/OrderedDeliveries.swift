// Word that goes out in the order in which it was decided, whichever threads decide.

/// What waits to be told outside a lock. A value under that lock: whoever finds nobody telling tells, one after the other,
/// and meanwhile others only add. Without it a later word could overtake an earlier one between the lock and its telling.
struct OrderedDeliveries<Item: Sendable>: Sendable {
    private var waiting: [Item] = []
    private var told = 0
    private var isTelling = false

    /// Whether the caller has to tell now: `next` until it is nil.
    mutating func add(_ items: some Sequence<Item>) -> Bool {
        waiting.append(contentsOf: items)
        guard !isTelling, !waiting.isEmpty else { return false }
        isTelling = true
        return true
    }

    /// The next one; nil when all are told, and whoever adds next tells.
    mutating func next() -> Item? {
        guard told < waiting.count else {
            (waiting, told, isTelling) = ([], 0, false)
            return nil
        }
        defer { told += 1 }
        return waiting[told]
    }
}
