// What all user services share: who this node is, its clocks and keys, admission and counters.

package import ClusterModel
import Metrics
import NodeEnvironment

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
    let keyring: TokenKeyring
    let clock: any NodeClock
    let entropy: any EntropySource
    let admission: AdmissionControl
    let calls: CallMetrics
    let metrics: ServingMetrics

    init(
        identity: ServingIdentity, keyring: TokenKeyring, clock: any NodeClock, entropy: any EntropySource,
        admission: AdmissionControl, metrics factory: any MetricsFactory
    ) {
        self.identity = identity
        self.keyring = keyring
        self.clock = clock
        self.entropy = entropy
        self.admission = admission
        sessions = SessionTokens(keyring: keyring, deploymentID: identity.deploymentID, region: identity.region)
        calls = CallMetrics(methods: ServingMethod.allCases.map(\.path), factory: factory)
        metrics = ServingMetrics(factory: factory)
    }

    var region: UInt32 { UInt32(identity.region.rawValue) }
}
