// What a node can tell operators about the other regions, as functions that its parts provide.

package import ClusterModel
package import EventLog
package import OperatorAPI
package import Personalization

/// Handed to `NodeStatus.connect` once the parts exist. The defaults are those of a region that is alone. All functions
/// are called from any thread; only those that are asynchronous may block.
package struct RegionObservation: Sendable {
    package typealias Failure = PeerFailure
    package typealias PeerReports =
        @Sendable (_ region: RegionNumber, _ partitions: [PartitionID], _ deadline: BootInstant)
        async throws(Failure) -> [ShardReport]

    /// The other regions, ascending.
    package var mirrors: @Sendable () -> [MirrorFacts] = { [] }
    /// Own flushed records that not one other region has flushed; nil where there is no other.
    package var unmirrored: @Sendable () -> UInt64? = { nil }
    /// The clock guard's verdict (S2).
    package var clock: @Sendable () -> ClockVerdict = { .trusted }
    /// An operator says that the wall clock is right.
    package var trustClock: @Sendable () -> Void = {}
    /// Asks shards of another region.
    package var peerReports: PeerReports = { (region, _, _) async throws(PeerFailure) -> [ShardReport] in
        throw PeerFailure(region: region, name: "", cause: .unknownRegion, detail: "")
    }

    /// Asks for another region's catalogue.
    package var contentReport:
        @Sendable (_ region: RegionNumber, _ deadline: BootInstant) async throws(Failure) -> ContentReport = {
            (region, _) async throws(PeerFailure) -> ContentReport in
            throw PeerFailure(region: region, name: "", cause: .unknownRegion, detail: "")
        }
    /// Asks another region what it could take over from this one.
    package var capacity:
        @Sendable (_ region: RegionNumber, _ deadline: BootInstant) async throws(Failure) -> RegionCapacity = {
            (region, _) async throws(PeerFailure) -> RegionCapacity in
            throw PeerFailure(region: region, name: "", cause: .unknownRegion, detail: "")
        }

    package init() {}
}
