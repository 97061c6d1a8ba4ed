// The one order in which concurrent writes are decided (S3): by the event, never by arrival, stamp or origin.

package import ClusterModel

/// (id time, id, body digest) of the event that wrote something. Total over distinct events.
package struct MergeOrder: Hashable, Comparable, Sendable {
    package var id: EventID
    package var bodyDigest: UInt64

    package init(id: EventID, bodyDigest: UInt64) {
        self.id = id
        self.bodyDigest = bodyDigest
    }

    package static func < (lhs: Self, rhs: Self) -> Bool { (lhs.id, lhs.bodyDigest) < (rhs.id, rhs.bodyDigest) }

    /// S9: whether the event counts after an erase with this cut; the cut itself does not.
    package func isAfter(_ cut: WallTime?) -> Bool { cut.map { id.wallTime > $0 } ?? true }
}
