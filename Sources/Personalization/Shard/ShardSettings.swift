// What a shard is told at its start.

package import ClusterModel

/// The same for all shards of a node.
package struct ShardSettings: Sendable {
    package var region: RegionNumber
    /// All member regions, this one included (S2, S5).
    package var members: [RegionNumber]
    package var bounds: TimeBounds
    /// Users of one shard; a new user above it is refused. Rows that hold only markers do not count.
    package var maxUsers: Int
    /// Rows of one shard that hold nothing but markers of erasures and withdrawals; above it an erase of a user of whom nothing
    /// is known here is refused. Withdrawals are not (S9), and users who are erased become such rows: so it is no bound of
    /// what there can be, but of what erasures of invented users can add.
    package var maxMarkerRows: Int
    /// Contents that one shard counts popularity of; above it an interaction with yet another one is refused, unless it brings
    /// the item's token: whoever makes ids up has none.
    package var maxCountedContents: Int
    /// Ids in one shard's index (S5); new events above it are refused.
    package var maxIndexedIDs: Int
    /// How long a record that nobody waits for may stay in the open batch.
    package var bufferedDelay: Duration
    /// S8's maximum: markers of erasures go after it (S9). Above the widest bucket + R.
    package var personalDataLife: Duration
    /// How often a shard tries again to hand over what the engine refused.
    package var retryDelay: Duration

    package static let standardIndexedIDs = 4_000_000
    package static let standardCountedContents = 200_000
    /// For so many users there may be one row of markers besides.
    package static let usersPerMarkerRow = 4
    /// `maxMarkerRows` at least.
    package static let leastMarkerRows = 256

    package init(
        region: RegionNumber, members: [RegionNumber], bounds: TimeBounds = .standard, maxUsers: Int = 1_000_000,
        maxMarkerRows: Int? = nil, maxIndexedIDs: Int = ShardSettings.standardIndexedIDs,
        maxCountedContents: Int = ShardSettings.standardCountedContents, bufferedDelay: Duration = .milliseconds(10),
        retryDelay: Duration = .milliseconds(50),
        personalDataLife: Duration = PersonalizationLimits.personalDataLife
    ) {
        self.region = region
        self.members = members
        self.bounds = bounds
        self.maxUsers = maxUsers
        self.maxMarkerRows = maxMarkerRows ?? max(Self.leastMarkerRows, maxUsers / Self.usersPerMarkerRow)
        self.maxIndexedIDs = maxIndexedIDs
        self.maxCountedContents = maxCountedContents
        self.bufferedDelay = bufferedDelay
        self.retryDelay = retryDelay
        self.personalDataLife = personalDataLife
    }
}
