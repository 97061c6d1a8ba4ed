// What a node says of itself: its names, and its last start.

package import ClusterModel

/// What the last start found and did (S7).
package struct RecoveryFacts: Hashable, Sendable {
    /// Whether the journal ended with a mark or a clean end.
    package var wasClean: Bool
    /// Batches and records that stand in the journal.
    package var batches: Int
    package var records: Int
    /// Bytes beyond the mark that could not be kept.
    package var cutBytes: Int
    /// Ranges before the mark that do not verify: quarantined.
    package var corruptRanges: Int
    /// From opening the directory to serving.
    package var duration: Duration

    package init(
        wasClean: Bool, batches: Int, records: Int, cutBytes: Int, corruptRanges: Int, duration: Duration
    ) {
        self.wasClean = wasClean
        self.batches = batches
        self.records = records
        self.cutBytes = cutBytes
        self.corruptRanges = corruptRanges
        self.duration = duration
    }
}

/// Names of a node that do not change while it runs.
package struct NodeFacts: Hashable, Sendable {
    package var deploymentID: String
    package var node: String
    package var region: RegionNumber
    package var regionName: String
    package var version: String
    package var partitions: PartitionCount

    package init(
        deploymentID: String, node: String, region: RegionNumber, regionName: String, version: String,
        partitions: PartitionCount
    ) {
        self.deploymentID = deploymentID
        self.node = node
        self.region = region
        self.regionName = regionName
        self.version = version
        self.partitions = partitions
    }
}
