// How many starts of a region are not settled everywhere, and who holds them up (S1b).

package import ClusterModel

/// Of the region and log that have most of them. A value.
package struct UnsettledStarts: Hashable, Sendable {
    package var region: RegionNumber
    /// Incarnations before the newest whose logs have not left this node's tables.
    package var count: Int
    /// The member whose seal or whose published snapshots are missing; nil where it is not known.
    package var heldUpBy: RegionNumber?

    /// From so many on people are told: far from where it hurts.
    package static let alarmed = 256
    /// With so many a region's next start serves reads and mirrors, and writes nothing until they are settled.
    package static let waited = 1_024

    package init(region: RegionNumber, count: Int, heldUpBy: RegionNumber? = nil) {
        self.region = region
        self.count = count
        self.heldUpBy = heldUpBy
    }

    /// Nil for no logs at all. `heldUpBy` is asked about the log that has most. Complexity: O(logs).
    package init?(_ logs: some Sequence<LogIdentity>, heldUpBy: (LogName) -> RegionNumber?) {
        var counts: [LogName: Int] = [:]
        for log in logs { counts[log.name, default: -1] += 1 }
        guard let (name, count) = counts.max(by: { ($0.value, $1.key) < ($1.value, $0.key) }) else { return nil }
        self.init(region: name.region, count: count, heldUpBy: count > 0 ? heldUpBy(name) : nil)
    }
}
