// The observation of a node's real parts: its mirror, its clock guard and the actor system.

package import ActorCluster
package import ClusterModel
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
        mirrors = {
            let now = source.bootTime()
            return mirror.links().map { MirrorFacts($0, at: now) }
        }
        unmirrored = { mirror.unmirrored() }
        let names = Dictionary(uniqueKeysWithValues: mirror.links().map { ($0.region, $0.name) })
        let shards = PeerShards(system: system, names: names, partitions: partitions, clock: source)
        peerReports = { (region, partitions) async throws(PeerFailure) in
            try await shards.reports(of: region, partitions)
        }
    }
}

extension MirrorFacts {
    fileprivate init(_ link: MirrorLinkStatus, at now: BootInstant) {
        self.init(region: link.region, name: link.name)
        endpoint = link.endpoint?.description
        isConnected = link.isConnected
        sinceHeard = link.lastHeard.map { now.since($0) }
        clockOffsetMilliseconds = link.clockOffsetMilliseconds
        roundTrip = link.roundTrip
        applyVersion = link.applyVersion
        lagEvents = link.lagEvents
        lagMilliseconds = link.lagMilliseconds
        lagP50Milliseconds = link.lagP50Milliseconds
        lagP99Milliseconds = link.lagP99Milliseconds
        receivedBytes = link.receivedBytes
        receivedBatches = link.receivedBatches
        lostLinks = link.lostLinks
        lastFailure = link.lastFailure
        stopped = link.stopped.map { StoppedLog(log: $0.log, reason: $0.reason) }
    }
}
