// Who waits for other regions to have flushed their events (S11).

package import ClusterModel

/// Calls at durability `remote(k)`, and how far each other region has flushed this log. A pure value.
package struct RemoteWaiters: Sendable {
    private struct Waiter: Sendable {
        var through: Offset
        var regions: Int
        var onReached: FlushWaiter
    }

    /// Calls that wait; above it reports at `remote` are refused.
    package static let maxWaiters = 16_384

    private var waiters: [Waiter] = []
    private var cursors: [RegionNumber: Offset] = [:]

    package init() {}

    package var isFull: Bool { waiters.count >= Self.maxWaiters }

    /// How many other regions hold everything below `offset`.
    package func regions(holding offset: Offset) -> Int { cursors.values.count { $0 >= offset } }

    /// Calls `onReached` once `regions` distinct other regions hold everything below `through`; at once when they do.
    package mutating func wait(through: Offset, regions: Int, _ onReached: @escaping FlushWaiter) {
        guard self.regions(holding: through) < regions else { return onReached(.success(())) }
        waiters.append(Waiter(through: through, regions: regions, onReached: onReached))
    }

    /// A region's digest-checked cursor. It may go down: a disk was lost (S11).
    package mutating func onCursor(of region: RegionNumber, at end: Offset) -> [FlushWaiter] {
        cursors[region] = end
        guard !waiters.isEmpty else { return [] }
        var ready: [FlushWaiter] = []
        let cursors = cursors
        waiters.removeAll { waiter in
            guard cursors.values.count(where: { $0 >= waiter.through }) >= waiter.regions else { return false }
            ready.append(waiter.onReached)
            return true
        }
        return ready
    }

    /// The log has ended: everybody who waits has to hear it.
    package mutating func onFenced() -> [FlushWaiter] {
        defer { waiters.removeAll() }
        return waiters.map(\.onReached)
    }
}
