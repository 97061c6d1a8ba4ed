// What operators ask of a node: implemented by the node, called by this room.

package import ClusterModel
package import EventLog
package import NodeEnvironment
package import Personalization

/// A node's life, as operators see it.
package enum NodeState: String, Hashable, Sendable, CaseIterable {
    case starting
    case active
    /// Some users cannot be served, for longer than a moment: their shards do not come back by themselves.
    case impaired
    case draining
    /// A log takes no appends; reads go on.
    case fenced
    /// The region's users are sent to other regions; mirroring goes on.
    case evacuated
}

/// The node's side of operations. Safe to call from any thread.
package protocol NodeControl: Sendable {
    var facts: NodeFacts { get }

    /// Whether every caller may do everything: links in plaintext, on loopback. Never blocks.
    var isAccessOpen: Bool { get }

    /// Never blocks: pages ask it on a loop.
    var state: NodeState { get }

    /// Since the process began to start the node. Never blocks.
    var uptime: Duration { get }

    /// Shards and the catalogue, as many of them as serve nobody for longer than a moment. Never blocks.
    var unserved: Int { get }

    /// Logs that the node's own states do not fold on, as of a few seconds ago. Never blocks.
    var stoppedReplicas: [StoppedLog] { get }

    /// Nil until the start has recovered its logs. Never blocks.
    var recovery: RecoveryFacts? { get }

    /// User calls under way. Never blocks.
    var callsInFlight: Int { get }

    /// The other regions of the deployment, ascending, as this node mirrors them; none for a region that is alone. Never
    /// blocks.
    var mirrors: [MirrorFacts] { get }

    /// Own flushed records that not one other region has flushed; nil for a region that is alone. Never blocks.
    var unmirrored: UInt64? { get }

    /// What the clock guard says (S2). Never blocks.
    var clock: ClockVerdict { get }

    /// How the journal is kept. Never blocks.
    var upkeep: LogUpkeepFacts { get }

    /// The files of `tls` that are in use, and when they end. Never blocks.
    var credentials: [CredentialExpiry] { get }

    /// The listeners that have a bound on connections, by name. Never blocks.
    var occupancies: [ListenerOccupancy] { get }

    /// How full the states are, as of a second ago at most. Never blocks.
    var occupancy: StateOccupancy { get }

    /// What is fetched from other members, as of now. Never blocks.
    var bootstrap: BootstrapFacts { get }

    /// Stops taking user calls and returns; calls under way go on and finish. Idempotent.
    func drain() async

    /// Sends users to other regions: their calls are refused, mirroring goes on. Idempotent; false in a node that is not
    /// serving. Lasts until `resume` or the next start.
    func evacuate() async -> Bool

    /// Takes user calls again, after `drain` or `evacuate`. Nothing happens in a node that is starting or fenced.
    func resume() async

    /// An operator says that the wall clock is right as it is (S2).
    func trustClock() async

    /// The shards that this node holds (S10).
    func shardReports() async -> [ShardReport]

    /// This node's catalogue (S10); nil until it serves.
    func contentReport() async -> ContentReport?

    /// Another region's catalogue, asked over the mesh (S10). Throws once it has not answered by the deadline.
    func contentReport(of region: RegionNumber, by deadline: BootInstant) async throws(PeerFailure) -> ContentReport

    /// Shards of another region, asked over the mesh (S10). Throws once one of them has not answered by the
    /// deadline.
    func peerReports(
        of region: RegionNumber, partitions: [PartitionID], by deadline: BootInstant
    ) async throws(PeerFailure) -> [ShardReport]

    /// What another region could take over from this one, asked over the mesh. Throws once it has not answered by
    /// the deadline.
    func capacity(of region: RegionNumber, by deadline: BootInstant) async throws(PeerFailure) -> RegionCapacity

    /// What operators did against this node's advice, oldest first, over restarts. Never blocks.
    var operatorEvents: [OperatorEvent] { get }

    /// Keeps such an act durably; what the disk refuses is logged.
    func record(_ event: OperatorEvent) async

    /// What is known of the logs that the shards follow.
    func replicaFacts() async -> ReplicaFacts

    /// The logs that this node holds.
    func logSummaries() async -> [LogSummary]
}

extension NodeControl {
    /// For nodes whose shards never fold anew.
    package var unserved: Int { 0 }

    /// For nodes whose shards nobody watches.
    package var stoppedReplicas: [StoppedLog] { [] }

    /// For nodes without sockets.
    package var occupancies: [ListenerOccupancy] { [] }
}

/// A listener by its name in the configuration, and how full it is.
package struct ListenerOccupancy: Hashable, Sendable {
    package var listener: String
    package var occupancy: LinkOccupancy

    package init(listener: String, occupancy: LinkOccupancy) {
        self.listener = listener
        self.occupancy = occupancy
    }
}
