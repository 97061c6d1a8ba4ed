// Who waits for other regions to have flushed their events (S11).

package import ClusterModel

/// Hears how many other regions hold the events, or why nobody will know any more.
package typealias RemoteWaiter = @Sendable (Result<Int, ShardError>) -> Void

/// Calls at durability `remote(k)`, and how far each other region has flushed this log. A pure value.
package struct RemoteWaiters: Sendable {
    private struct Waiter: Sendable {
        var held: Range<Offset>
        var regions: Int
        var deadline: BootInstant
        var onReached: RemoteWaiter
    }

    /// Calls that wait; above it reports at `remote` are refused.
    package static let maxWaiters = 16_384

    private var waiters: [Waiter] = []
    /// What each region holds as bytes.
    private var cursors: [RegionNumber: Range<Offset>] = [:]

    package init() {}

    package var isFull: Bool { waiters.count >= Self.maxWaiters }

    /// How many other regions hold everything from `first` on below `offset`.
    package func regions(holding offset: Offset, from first: Offset = .zero) -> Int {
        cursors.values.count { Self.holds($0, min(first, offset)..<offset) }
    }

    /// Whether some region lacks the record at `offset` as bytes, since it bootstrapped from a snapshot that has it.
    package func isMissed(_ offset: Offset) -> Bool { cursors.values.contains { $0.lowerBound > offset } }

    private static func holds(_ cursor: Range<Offset>, _ wanted: Range<Offset>) -> Bool {
        cursor.lowerBound <= wanted.lowerBound && cursor.upperBound >= wanted.upperBound
    }

    /// Keeps `onReached` until `regions` distinct other regions hold everything from `first` on below `through`, or until
    /// `deadline`. The caller has seen that they do not yet (`regions(holding:)`).
    package mutating func wait(
        through: Offset, from first: Offset = .zero, regions: Int, until deadline: BootInstant,
        _ onReached: @escaping RemoteWaiter
    ) {
        let held = min(first, through)..<through
        waiters.append(Waiter(held: held, regions: regions, deadline: deadline, onReached: onReached))
    }

    /// A region's digest-checked cursor. It may go down: a disk was lost (S11). Returns who need not wait any longer,
    /// with the answer of each. Complexity: O(waiters x regions).
    package mutating func onCursor(
        of region: RegionNumber, from first: Offset = .zero, at end: Offset
    ) -> [(RemoteWaiter, reached: Int)] {
        cursors[region] = min(first, end)..<end
        return removing { waiter, reached in reached >= waiter.regions }
    }

    /// Returns whose deadline is not after `now`, with what was reached. Complexity: O(waiters x regions).
    package mutating func expire(at now: BootInstant) -> [(RemoteWaiter, reached: Int)] {
        removing { waiter, _ in waiter.deadline <= now }
    }

    /// When somebody has waited long enough; nil while nobody waits. Complexity: O(waiters).
    package var earliestDeadline: BootInstant? { waiters.lazy.map(\.deadline).min() }

    private mutating func removing(_ isDone: (Waiter, Int) -> Bool) -> [(RemoteWaiter, reached: Int)] {
        guard !waiters.isEmpty else { return [] }
        var done: [(RemoteWaiter, reached: Int)] = []
        let cursors = Array(cursors.values)
        waiters.removeAll { waiter in
            let reached = cursors.count { Self.holds($0, waiter.held) }
            guard isDone(waiter, reached) else { return false }
            done.append((waiter.onReached, reached))
            return true
        }
        return done
    }

    /// The log has ended: everybody who waits has to hear it.
    package mutating func onFenced() -> [RemoteWaiter] {
        defer { waiters.removeAll() }
        return waiters.map(\.onReached)
    }
}
