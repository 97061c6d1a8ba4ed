// Consent of one user (S9): withdrawals are known by their event ids, and a grant cancels exactly those that it names.

package import ClusterModel

/// Granted = a grant exists and every known withdrawal is cancelled. A withdrawal that no grant has seen therefore wins
/// over a grant made elsewhere at the same time (HISTORIES 14). The newest grant is a register, withdrawals and cancelled
/// ids are newest-N sets: bounded, and the order of arrival does not matter.
package struct ConsentState: Hashable, Sendable {
    /// The newest grant that no erase has covered.
    package private(set) var grant: EventID?
    package private(set) var withdrawals = NewestIDs(limit: Self.maxKnown)
    package private(set) var cancelled = NewestIDs(limit: Self.maxKnown)

    /// Withdrawals, and cancelled ids, that are known at once: the newest. A withdrawal falls out behind so many newer ones
    /// only, and each of those replaced the older ones that its door saw.
    package static let maxKnown = 64

    package init() {}

    /// Restores what a snapshot kept; any order, duplicates ignored.
    package init(grant: EventID?, withdrawals: [EventID], cancelled: [EventID]) {
        self.grant = grant
        self.withdrawals.formUnion(withdrawals)
        self.cancelled.formUnion(cancelled)
    }

    package var isGranted: Bool { grant != nil && !isWithdrawn }

    /// Whether some withdrawal stands open. Complexity: O(`maxKnown`), whatever the number of calls that were made.
    package var isWithdrawn: Bool { !withdrawals.isSubset(of: cancelled) }

    /// Withdrawals that nothing has cancelled, oldest first.
    package var openWithdrawals: [EventID] { withdrawals.subtracting(cancelled) }

    /// Those that are older than the event `id`: what its door writes into it. Never later ones, or a repeated call would
    /// cancel what was withdrawn since (HISTORIES 31).
    package func openWithdrawals(before id: EventID) -> [EventID] { openWithdrawals.filter { $0 < id } }

    /// An erase removes grants at or before its cut, so one that arrives later does not count either. Ids that are not older
    /// than the grant are not cancelled, whoever lists them.
    package mutating func grant(_ id: EventID, cancelling seen: [EventID], erasedUpTo cut: WallTime?) {
        cancelled.formUnion(seen.lazy.filter { $0 < id })
        guard cut.map({ id.wallTime > $0 }) ?? true else { return }
        grant = max(grant ?? id, id)
    }

    /// From now on `id` stands for the older withdrawals that it replaces.
    package mutating func withdraw(_ id: EventID, replacing older: [EventID]) {
        withdrawals.insert(id)
        cancelled.formUnion(older.lazy.filter { $0 < id })
    }

    package mutating func erase(upTo cut: WallTime) {
        if let id = grant, id.wallTime <= cut { grant = nil }
    }
}
