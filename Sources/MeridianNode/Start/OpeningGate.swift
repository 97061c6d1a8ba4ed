// Whether a start may open an incarnation now (S1b). Pure.

import EventLog
import RegionMirror

/// With `limit` starts that are not settled another one would only add to them: it opens nothing then, serves
/// reads and mirrors, and refuses writes until they are. Opening helps where nothing but a new start's record settles them, and
/// every member is there to seal: then it opens all the same.
package struct OpeningGate: Hashable, Sendable {
    /// Of the own log that has most of them: incarnations that have not left.
    package var unsettled: Int
    /// Those of them that no ends record has passed.
    package var unrecorded: Int
    /// Names of regions that are not connected.
    package var absent: [String]
    /// The region whose published snapshots hold them up, where that is known.
    package var slowest: String?
    /// Whether anything leaves at all (log.trim).
    package var settles: Bool
    /// With so many nothing is opened.
    package var limit: Int

    package init(
        unsettled: Int, unrecorded: Int, absent: [String], slowest: String?, settles: Bool,
        limit: Int = UnsettledStarts.waited
    ) {
        self.limit = limit
        self.unsettled = unsettled
        self.unrecorded = unrecorded
        self.absent = absent
        self.slowest = slowest
        self.settles = settles
    }

    /// What has to come first, for people; nil where nothing has.
    package var obstacle: String? {
        guard unsettled >= limit else { return nil }
        let starts = "\(unsettled) starts of this region are not settled: it writes nothing until they are, held up by"
        guard absent.isEmpty else {
            return "\(starts) region \(absent.joined(separator: ", region ")), which is not connected"
        }
        // What readers may hold back does not settle by itself.
        guard settles, unrecorded + FloorKeeper.pinnedLinks < limit else { return nil }
        return
            "\(starts) \(slowest.map { "region \($0), whose" } ?? "somebody, whose") snapshots do not stand on them yet"
    }
}
