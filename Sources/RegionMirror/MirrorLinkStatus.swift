// What operators see of a mirror.

package import ClusterModel
package import NodeEnvironment

/// One peer region, as this node's link to it stands.
package struct MirrorLinkStatus: Sendable {
    package var region: RegionNumber
    package var name: String
    package var endpoint: Endpoint?
    /// A pull was answered and none has failed since.
    package var isConnected = false
    package var lastHeard: BootInstant?
    /// The peer's wall clock minus ours.
    package var clockOffsetMilliseconds: Int64?
    package var roundTrip: Duration?
    package var applyVersion: UInt32?
    /// Records of the peer's own logs that are not here, as it last said.
    package var lagEvents: UInt64 = 0
    /// Age of the oldest of them by stamps.
    package var lagMilliseconds: UInt64 = 0
    /// From a record's stamp to this region's disk, over the last minute.
    package var lagP50Milliseconds: Double?
    package var lagP99Milliseconds: Double?
    package var receivedBytes: UInt64 = 0
    package var receivedBatches: UInt64 = 0
    package var lostLinks: UInt64 = 0
    package var lastFailure: String?
    /// Logs that stand still, and why.
    package var stopped: [(log: LogIdentity, reason: String)] = []

    package init(region: RegionNumber, name: String) {
        self.region = region
        self.name = name
    }
}
