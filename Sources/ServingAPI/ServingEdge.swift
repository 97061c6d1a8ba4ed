// What all user services share: who this node is, its clocks and keys, admission and counters.

package import ClusterModel
import Metrics
import NodeEnvironment
import Personalization

/// Facts about the node that answers carry or doors check.
package struct ServingIdentity: Hashable, Sendable {
    package var deploymentID: String
    package var region: RegionNumber
    /// Regions other than this one: what REMOTE durability can reach.
    package var otherRegions: Int

    package init(deploymentID: String, region: RegionNumber, otherRegions: Int) {
        self.deploymentID = deploymentID
        self.region = region
        self.otherRegions = otherRegions
    }
}

/// One per node, used from all loops. Immutable but for atomics.
final class ServingEdge: Sendable {
    let identity: ServingIdentity
    let sessions: SessionTokens
    let keys: TokenKeys
    let clock: any NodeClock
    let entropy: any EntropySource
    let admission: AdmissionControl
    /// Asked again by services whose methods take a name that not every caller may use.
    let access: AccessControl
    private let stamps: StampGate
    let calls: CallMetrics
    let metrics: ServingMetrics

    init(
        identity: ServingIdentity, keys: TokenKeys, clock: any NodeClock, entropy: any EntropySource,
        admission: AdmissionControl, access: AccessControl, stamps: StampGate, metrics factory: any MetricsFactory
    ) {
        self.identity = identity
        self.keys = keys
        self.clock = clock
        self.entropy = entropy
        self.admission = admission
        self.access = access
        self.stamps = stamps
        sessions = SessionTokens(keys: keys, deploymentID: identity.deploymentID, region: identity.region)
        calls = CallMetrics(methods: ServingMethod.allCases.map(\.path), factory: factory)
        metrics = ServingMetrics(factory: factory)
    }

    /// What answers say of the time: 0, which tells nothing, while this node does not trust its clock (S2). A client that
    /// believed it would make ids that every other region refuses (S4).
    var serverTime: WallTime { stamps.time(of: clock) ?? WallTime(milliseconds: 0) }

    var region: UInt32 { UInt32(identity.region.rawValue) }
}
