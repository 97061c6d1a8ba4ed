// The users of one partition with their shares of its digest, in parts that are copied one by one.

import ClusterModel

/// Rows by user. A copy shares everything with its original until one of them changes, and a change then copies the one
/// part that it hits: a shard whose view is being written as a snapshot goes on, and pauses for a few hundred rows at a
/// time where it would otherwise pause for all of them. A value.
struct UserTable: Sendable {
    /// One user, and what it last counted in the digest.
    private struct Row: Sendable {
        var state = UserState()
        var share = Digest128.zero
    }

    private struct Part: Sendable {
        var rows: [UserKey: Row] = [:]
        /// Users whose share is out of date (S10).
        var stale: Set<UserKey> = []
    }

    /// Divides 2^64. The key's low bits choose: the partition is told by its top bits.
    static let parts = 256

    private var parts = [Part](repeating: Part(), count: Self.parts)
    /// Rows; none of them holds nothing.
    private(set) var count = 0
    /// Rows that hold only markers.
    private(set) var markerCount = 0
    /// Of all shares that are not stale, and of the former ones of those that are.
    private var shareSum = Digest128.zero

    private static func part(of user: UserKey) -> Int { Int(truncatingIfNeeded: user.digest.low) & (parts - 1) }

    subscript(user: UserKey) -> UserState? { parts[Self.part(of: user)].rows[user]?.state }

    /// All users, ascending. Complexity: O(n log n).
    var users: [UserKey] { parts.flatMap(\.rows.keys).sorted() }

    /// What is kept of a user. Complexity: O(1).
    func holding(of user: UserKey) -> RowHolding {
        parts[Self.part(of: user)].rows[user]?.state.holding ?? .nothing
    }

    func erasedUpTo(of user: UserKey) -> WallTime? { parts[Self.part(of: user)].rows[user]?.state.erasedUpTo }

    /// Changes a row in its place; a new user begins with an empty one. Of one that is empty afterwards nothing is kept: an event
    /// that says nothing of a user takes no room.
    mutating func change(_ user: UserKey, _ body: (inout UserState) -> Void) {
        let place = Self.part(of: user)
        let (before, after) = Self.change(&parts[place].rows[user, default: Row()].state, body)
        note(before, after)
        guard after == .nothing else {
            parts[place].stale.insert(user)
            return
        }
        remove(user, of: place)
    }

    private static func change(
        _ state: inout UserState, _ body: (inout UserState) -> Void
    ) -> (before: RowHolding, after: RowHolding) {
        let before = state.holding
        body(&state)
        return (before, state.holding)
    }

    private mutating func note(_ before: RowHolding, _ after: RowHolding) {
        count += (after == .nothing ? 0 : 1) - (before == .nothing ? 0 : 1)
        markerCount += (after == .markers ? 1 : 0) - (before == .markers ? 1 : 0)
    }

    private mutating func remove(_ user: UserKey, of place: Int) {
        guard let row = parts[place].rows.removeValue(forKey: user) else { return }
        shareSum = shareSum &- row.share
        parts[place].stale.remove(user)
    }

    /// The user's marker of an erasure goes where its cut lies below `horizon`, and with it a row that holds nothing else.
    mutating func forgetErasure(of user: UserKey, before horizon: WallTime) {
        let place = Self.part(of: user)
        guard let row = parts[place].rows[user], let cut = row.state.erasedUpTo, cut < horizon else { return }
        let before = row.state.holding
        guard row.state.isEmpty else {
            parts[place].rows[user]?.state.forgetErasure()
            return note(before, holding(of: user))
        }
        note(before, .nothing)
        remove(user, of: place)
    }

    /// Makes room for so many users more.
    mutating func reserve(_ users: Int) {
        // Keys are hashes, so parts fill evenly: some of them get a few more than the mean.
        let share = users / Self.parts
        guard share > 0 else { return }
        for place in parts.indices {
            parts[place].rows.reserveCapacity(parts[place].rows.count + share + share / 8)
            parts[place].stale.reserveCapacity(parts[place].stale.count + share + share / 8)
        }
    }

    /// S10: the sum modulo 2^128 of keyed hashes of users' canonical encodings. Complexity: O(users changed since the last
    /// call + parts).
    mutating func digest() -> Digest128 {
        for place in parts.indices where !parts[place].stale.isEmpty {
            for user in parts[place].stale {
                guard let row = parts[place].rows[user] else { continue }
                let share = StateDigest.share(of: user, row.state)
                shareSum = shareSum &- row.share &+ share
                parts[place].rows[user]?.share = share
            }
            parts[place].stale = []
        }
        return shareSum
    }
}
