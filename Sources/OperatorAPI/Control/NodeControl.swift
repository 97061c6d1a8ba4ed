// What operators ask of a node: implemented by the node, called by this room.

package import ClusterModel
package import EventLog
package import Personalization

/// A node's life, as operators see it.
package enum NodeState: String, Hashable, Sendable, CaseIterable {
    case starting
    case active
    case draining
    /// A log takes no appends; reads go on.
    case fenced
}

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

/// The node's side of operations. Safe to call from any thread.
package protocol NodeControl: Sendable {
    var facts: NodeFacts { get }

    /// Never blocks: pages ask it on a loop.
    var state: NodeState { get }

    /// Since the process began to start the node. Never blocks.
    var uptime: Duration { get }

    /// Nil until the start has recovered its logs. Never blocks.
    var recovery: RecoveryFacts? { get }

    /// Stops taking user calls and returns; calls under way go on and finish. Idempotent.
    func drain() async

    /// Takes user calls again. Nothing happens in a node that is starting or fenced.
    func resume() async

    /// The shards that this node holds (S10).
    func shardReports() async -> [ShardReport]

    /// The logs that this node holds.
    func logSummaries() async -> [LogSummary]
}
