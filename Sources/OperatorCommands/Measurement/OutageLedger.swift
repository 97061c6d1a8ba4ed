// What the users of a region saw while it was down: pure accounting of answers in time.

package import ClusterModel

/// One outage of one region, as its users saw it.
package struct Outage: Hashable, Sendable {
    package var region: Int
    package var beganAt: BootInstant
    /// The longest time without an answer to any user of the region.
    package var gap: Duration = .zero
    /// The longest that one answered call took, of those under way or begun in the outage.
    package var longestCall: Duration = .zero
    package var answers: UInt64 = 0
}

/// Follows outages that are open, any number of regions at a time. A value; one owner.
package struct OutageLedger: Hashable, Sendable {
    private struct Open: Hashable, Sendable {
        var outage: Outage
        var lastAnswer: BootInstant
    }

    private var open: [Int: Open] = [:]

    package init() {}

    /// The region is gone from now on.
    package mutating func onKill(of region: Int, at now: BootInstant) {
        open[region] = Open(outage: Outage(region: region, beganAt: now), lastAnswer: now)
    }

    /// A call of a user at home in `region` was answered, by whatever region.
    package mutating func onAnswer(home region: Int, asked: BootInstant, answered: BootInstant) {
        guard var entry = open[region], answered >= entry.outage.beganAt else { return }
        entry.outage.gap = max(entry.outage.gap, answered.since(entry.lastAnswer))
        entry.outage.longestCall = max(entry.outage.longestCall, answered.since(asked))
        entry.outage.answers += 1
        entry.lastAnswer = max(entry.lastAnswer, answered)
        open[region] = entry
    }

    /// The outage is over. The time since the last answer counts too: an outage without answers is one long gap. Nil for
    /// a region that was not down.
    package mutating func onReturn(of region: Int, at now: BootInstant) -> Outage? {
        guard var entry = open.removeValue(forKey: region) else { return nil }
        entry.outage.gap = max(entry.outage.gap, now.since(entry.lastAnswer))
        return entry.outage
    }
}
