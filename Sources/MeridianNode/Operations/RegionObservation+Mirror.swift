// The observation of a node's real parts: its mirror, its clock guard and the actor system.

package import ActorCluster
package import ClusterModel
import EventLog
package import NodeEnvironment
import OperatorAPI
package import RegionMirror

extension RegionObservation {
    /// - Parameters:
    ///   - mirror: nil for a region that is alone.
    ///   - clocks: the running clock guard.
    ///   - system: reaches the shards of the regions that `mirror` follows.
    package init(
        mirror: RegionMirror?, clocks: ClockWatch, system: ClusterActorSystem, partitions: PartitionCount,
        clock source: any NodeClock
    ) {
        self.init()
        clock = { clocks.verdict }
        trustClock = { clocks.reopen() }
        guard let mirror else { return }
        mirrors = { mirror.links() }
        unmirrored = { mirror.unmirrored() }
        let names = Dictionary(uniqueKeysWithValues: mirror.links().map { ($0.region, $0.name) })
        let shards = PeerShards(system: system, names: names, partitions: partitions, clock: source)
        peerReports = { (region, partitions, deadline) async throws(PeerFailure) in
            try await shards.reports(of: region, partitions, by: deadline)
        }
        contentReport = { (region, deadline) async throws(PeerFailure) in
            try await shards.content(of: region, by: deadline)
        }
        let own = mirror.region
        capacity = { (region, deadline) async throws(PeerFailure) in
            try await shards.capacity(of: region, for: own, by: deadline)
        }
    }
}
