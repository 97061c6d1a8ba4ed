// What a shard is told at its start.

package import ClusterModel

/// The same for all shards of a node.
package struct ShardSettings: Sendable {
    package var region: RegionNumber
    /// All member regions, this one included (S2, S5).
    package var members: [RegionNumber]
    package var bounds: TimeBounds
    /// Users of one shard; a new user above it is refused.
    package var maxUsers: Int
    /// Ids in one shard's index (S5); new events above it are refused.
    package var maxIndexedIDs: Int
    /// How long a record that nobody waits for may stay in the open batch.
    package var bufferedDelay: Duration
    /// S8's maximum: markers of erasures go after it (S9). Above the widest bucket + R.
    package var personalDataLife: Duration
    /// How often a shard tries again to hand over what the engine refused.
    package var retryDelay: Duration

    package static let standardIndexedIDs = 4_000_000

    package init(
        region: RegionNumber, members: [RegionNumber], bounds: TimeBounds = .standard, maxUsers: Int = 1_000_000,
        maxIndexedIDs: Int = ShardSettings.standardIndexedIDs, bufferedDelay: Duration = .milliseconds(10),
        retryDelay: Duration = .milliseconds(50),
        personalDataLife: Duration = PersonalizationLimits.personalDataLife
    ) {
        self.region = region
        self.members = members
        self.bounds = bounds
        self.maxUsers = maxUsers
        self.maxIndexedIDs = maxIndexedIDs
        self.bufferedDelay = bufferedDelay
        self.retryDelay = retryDelay
        self.personalDataLife = personalDataLife
    }
}
