// Consent of one user (S9): withdrawals are known by their event ids, and a grant cancels exactly those it names.

package import ClusterModel

/// Granted = some grant exists and every known withdrawal is cancelled. A withdrawal that no grant has seen therefore
/// wins over a grant made elsewhere at the same time (HISTORIES 14). Merging is a union: order does not matter.
package struct ConsentState: Hashable, Sendable {
    /// Sorted, distinct.
    package private(set) var grants: [EventID] = []
    package private(set) var withdrawals: [EventID] = []
    package private(set) var cancelled: [EventID] = []

    /// How many withdrawals a grant may cancel.
    package static let maxCancelledByGrant = 16
    /// With this many open withdrawals the door answers with an existing one instead of a new one.
    package static let maxOpenWithdrawals = 8

    package init() {}

    /// Restores what a snapshot kept; any order, duplicates ignored.
    package init(grants: [EventID], withdrawals: [EventID], cancelled: [EventID]) {
        for id in grants { Self.insert(id, into: &self.grants) }
        for id in withdrawals { Self.insert(id, into: &self.withdrawals) }
        for id in cancelled { Self.insert(id, into: &self.cancelled) }
    }

    package var isGranted: Bool { !grants.isEmpty && openWithdrawals.isEmpty }

    /// Withdrawals that no grant has cancelled, oldest first: what the door writes into the next grant.
    package var openWithdrawals: [EventID] { withdrawals.filter { !cancelled.contains($0) } }

    /// An erase removes grants at or before its cut, so one that arrives later does not count either.
    package mutating func grant(_ id: EventID, cancelling seen: [EventID], erasedUpTo cut: WallTime?) {
        for withdrawal in seen.prefix(Self.maxCancelledByGrant) { Self.insert(withdrawal, into: &cancelled) }
        if cut.map({ id.wallTime > $0 }) ?? true { Self.insert(id, into: &grants) }
    }

    package mutating func withdraw(_ id: EventID) { Self.insert(id, into: &withdrawals) }

    package mutating func erase(upTo cut: WallTime) { grants.removeAll { $0.wallTime <= cut } }

    private static func insert(_ id: EventID, into ids: inout [EventID]) {
        let place = ids.firstIndex { $0 >= id } ?? ids.count
        if place == ids.count || ids[place] != id { ids.insert(id, at: place) }
    }
}
