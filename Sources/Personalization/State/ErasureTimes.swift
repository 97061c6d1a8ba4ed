// Whose rows hold markers of erasures, by the time of the cut (S9).

import ClusterModel

/// Users by hour of their cuts, so that those whose time has come are found without a look at all rows. A value.
struct ErasureTimes: Sendable {
    private static let slice: UInt64 = 3_600_000

    private var slices: [UInt64: Set<UserKey>] = [:]

    /// Complexity: O(1).
    mutating func insert(_ user: UserKey, at cut: WallTime) {
        slices[cut.milliseconds / Self.slice, default: []].insert(user)
    }

    /// Takes out those with a cut in the hours that end at or before `horizon`. Of one user there may be a later cut too,
    /// which stays. Complexity: O(hours + users taken).
    mutating func take(before horizon: WallTime) -> [UserKey] {
        let end = horizon.milliseconds / Self.slice
        var users: [UserKey] = []
        for slice in slices.keys where slice < end { users += slices.removeValue(forKey: slice) ?? [] }
        return users.sorted()
    }
}
