// Whose rows hold markers of erasures, by the time of the cut (S9).

import ClusterModel

/// Users by hour of their highest cuts, so that those whose time has come are found without a look at all rows: one entry a row,
/// however often a user is erased. A value.
struct ErasureTimes: Sendable {
    private static let slice: UInt64 = 3_600_000

    private var slices: [UInt64: Set<UserKey>] = [:]

    /// Users in it. Complexity: O(hours).
    var count: Int { slices.values.reduce(0) { $0 + $1.count } }

    /// A user's highest cut, and the one before where there was one. Complexity: O(1).
    mutating func move(_ user: UserKey, from former: WallTime?, to cut: WallTime) {
        if let former {
            let slice = former.milliseconds / Self.slice
            slices[slice]?.remove(user)
            if slices[slice]?.isEmpty == true { slices[slice] = nil }
        }
        slices[cut.milliseconds / Self.slice, default: []].insert(user)
    }

    /// Takes out those with a cut in the hours that end at or before `horizon`. Complexity: O(hours + users taken).
    mutating func take(before horizon: WallTime) -> [UserKey] {
        let end = horizon.milliseconds / Self.slice
        var users: [UserKey] = []
        for slice in slices.keys where slice < end { users += slices.removeValue(forKey: slice) ?? [] }
        return users.sorted()
    }
}
