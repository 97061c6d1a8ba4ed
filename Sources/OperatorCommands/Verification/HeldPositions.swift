// What regions hold on their disks, as positions: acknowledged events are looked up in it while a region is down.

package import ClusterModel
import MeridianProtocol

/// Flushed ends by log. A value.
package struct HeldPositions: Hashable, Sendable {
    private var ends: [LogIdentity: Offset] = [:]

    package init() {}

    package init(_ ends: [LogIdentity: Offset]) { self.ends = ends }

    /// Of the region that answered; its logs of user events only.
    init(_ reply: Meridian_V1_LogStatsReply) {
        for log in reply.logs where log.topic == UInt32(TopicID.userEvents.rawValue) {
            guard let region = UInt16(exactly: log.region) else { continue }
            let name = LogName(
                region: RegionNumber(region), topic: .userEvents, partition: PartitionID(log.partition))
            ends[LogIdentity(name: name, incarnation: Incarnation(log.incarnation))] = Offset(log.flushedEnd)
        }
    }

    package func holds(_ place: Acknowledgement.Place) -> Bool { ends[place.log].map { place.offset < $0 } ?? false }

    /// What one of the two holds.
    package func union(_ other: HeldPositions) -> HeldPositions {
        HeldPositions(ends.merging(other.ends) { max($0, $1) })
    }

    /// Without the logs of regions that go on writing.
    package func without(_ regions: Set<RegionNumber>) -> HeldPositions {
        HeldPositions(ends.filter { !regions.contains($0.key.name.region) })
    }

    /// Whether everything that `other` holds is held here too.
    package func covers(_ other: HeldPositions) -> Bool {
        other.ends.allSatisfy { log, end in end == .zero || ends[log].map { $0 >= end } ?? false }
    }
}

/// The promises of one region that the others would have to keep, had it gone for ever now.
package struct RecoveryPoint: Hashable, Sendable {
    /// Acknowledged `local` by the region and held by no other.
    package var local: [EventID] = []
    /// Acknowledged `remote` by the region and held by no other: a broken promise.
    package var remote: [EventID] = []

    package init() {}

    /// Both looks together.
    package mutating func formUnion(_ other: RecoveryPoint) {
        local = Set(local).union(other.local).sorted()
        remote = Set(remote).union(other.remote).sorted()
    }

    /// `survivors`: what the other regions hold together. Events that were known already have no position of their own:
    /// their first copy stands for them.
    package init(of region: RegionNumber, _ acknowledged: [Acknowledgement], survivors: HeldPositions) {
        for acknowledgement in acknowledged {
            guard let place = acknowledgement.place, place.log.name.region == region, !survivors.holds(place) else {
                continue
            }
            if acknowledgement.isRemote { remote.append(acknowledgement.id) } else { local.append(acknowledgement.id) }
        }
    }
}
