// What a node is told (INTERFACES, "Configuration"). Parsed from YAML by NodeConfiguration+YAML.swift, checked as a whole
// by NodeConfiguration+Validation.swift; nothing below this layer reads configuration.

package import ClusterModel
package import EventLog
package import NodeEnvironment
package import ServingAPI

/// The configuration of one node, complete and checked. Times and sizes are types; the YAML names carry the units.
package struct NodeConfiguration: Sendable {
    package struct Deployment: Hashable, Sendable {
        /// Part of every token and certificate: tokens of another deployment are refused.
        package var id: String
        package var partitions: PartitionCount
    }

    package struct Region: Hashable, Sendable {
        package var name: String
        package var number: RegionNumber
        /// Informative: shown in `status`.
        package var cloud: String
    }

    package struct Peer: Hashable, Sendable {
        package var region: String
        package var number: RegionNumber
        package var endpoints: [Endpoint]
    }

    package struct Listen: Hashable, Sendable {
        /// gRPC for clients.
        package var api: Endpoint
        /// gRPC for nodes; nil where the node has no peers.
        package var mesh: Endpoint?
        /// HTTP/1.1 for metrics and health.
        package var admin: Endpoint
    }

    package struct Log: Hashable, Sendable {
        package var directory: String
        package var segmentBytes: Int
        /// Whether segments that nobody needs any more go (S8, Decisions/0013).
        package var trims: Bool
        /// How long a trimmed-behind-snapshot prefix is kept at least (S8).
        package var retention: Duration
        package var retentionBytes: UInt64
        /// Up to how much disk a reader that lags may pin.
        package var pinMaxBytes: UInt64
        /// What the journal may come to (S5): people are told at half of it, appends are refused at all of it.
        package var maxBytes: UInt64
        /// How old personal data may become in the journal (S8).
        package var personalDataMaximum: Duration
        /// How much of the journal is verified a second, over and over; 0 for none.
        package var scrubBytesPerSecond: UInt64
        /// Syncs the trailing mark before acks (S7): a second sync a group.
        package var markBeforeAck: Bool
    }

    package struct Mirror: Hashable, Sendable {
        package var maxBytesPerSecond: UInt64
        /// Of snapshots, to and from members that bootstrap (S5).
        package var bootstrapBytesPerSecond: UInt64
        package var heartbeatInterval: Duration
        package var stallTimeout: Duration
        /// How old what is missing of a connected region may be before it alarms.
        package var lagAlarm: Duration
    }

    package struct TokenKey: Hashable, Sendable {
        package var id: UInt32
        /// A file of at least 32 random bytes.
        package var file: String
    }

    package struct Limits: Hashable, Sendable {
        /// Calls under way at once, per node; above it calls are refused with RESOURCE_EXHAUSTED.
        package var callsInFlight: Int
        /// Bytes of requests under way at once, per node.
        package var requestBytesInFlight: Int
        /// How old what waits may be before calls are shed.
        package var load: LoadSettings
        /// What one client may have of calls, bytes, streams, subscribers, groups and, with a certificate, connections, in per cent of what a node takes.
        package var clientPercent: Int
        package var connections: Int
        /// Users held by this node, over all shards.
        package var users: Int
        package var contents: Int
        /// Event loops; 0 is one a core.
        package var loops: Int
        package var snapshotInterval: Duration
        /// How long a stopping node lets calls finish.
        package var drainTimeout: Duration
    }

    package var deployment: Deployment
    package var region: Region
    package var nodeName: String
    package var peers: [Peer]
    package var listen: Listen
    /// Nil serves plaintext, which validation allows on loopback only.
    package var tls: TLSIdentity?
    /// Who may do what where there is `tls`; nobody may do anything that no rule grants.
    package var access: AccessRules
    package var log: Log
    package var mirror: Mirror
    package var timeBounds: TimeBounds
    /// Empty: the node makes a key of its own beside the log at its first start.
    package var tokenKeys: [TokenKey]
    package var limits: Limits
    package var drillAllowed: Bool
    /// Every value as it was read, by its dotted key such as `limits.users`: what a reload compares.
    package var values: [String: String]

    /// What the data directory has to be made for.
    package var directoryIdentity: DirectoryIdentity {
        DirectoryIdentity(
            deployment: deployment.id, region: region.number, regionName: region.name,
            partitions: deployment.partitions)
    }
}
