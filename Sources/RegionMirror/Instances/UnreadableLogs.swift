// What a holder knows of its own disk that keeps it from serving a log. Pure.

package import ClusterModel

/// Stretches that do not verify are answered with GAP from memory, and looked at again once in a while; logs whose reading
/// failed for another reason rest for a growing, bounded while. So nobody's pull makes the disk spin. One entry a log.
package struct UnreadableLogs: Sendable {
    package enum Verdict: Hashable, Sendable {
        case readable
        case gap(firstAvailable: Offset)
        /// It is not to be read now.
        case rests
    }

    private struct Entry {
        /// What does not verify; nil where the reading failed.
        var stretch: Range<Offset>?
        var failures = 0
        var until: BootInstant
    }

    package static let firstRest: Duration = .milliseconds(100)
    package static let longestRest: Duration = .seconds(5)
    /// How long a stretch that does not verify is believed to stay so.
    package static let beliefs: Duration = .seconds(60)

    private let limit: Int
    private var entries: [LogIdentity: Entry] = [:]

    package init(limit: Int) { self.limit = limit }

    package func verdict(on point: LogPoint, at now: BootInstant) -> Verdict {
        guard let entry = entries[point.log], now < entry.until else { return .readable }
        guard let stretch = entry.stretch else { return .rests }
        return stretch.contains(point.offset) ? .gap(firstAvailable: stretch.upperBound) : .readable
    }

    /// What stands at `stretch` does not verify. Whether that is news.
    package mutating func onUnreadable(_ log: LogIdentity, _ stretch: Range<Offset>, at now: BootInstant) -> Bool {
        let isNews = entries[log]?.stretch?.upperBound != stretch.upperBound
        note(log, Entry(stretch: stretch, until: now.advanced(by: Self.beliefs)))
        return isNews
    }

    /// Nothing could be served of the log although it should be there. Whether that is the first time in a row.
    package mutating func onFailure(_ log: LogIdentity, at now: BootInstant) -> Bool {
        let failures = (entries[log]?.failures ?? 0) + 1
        let rest = min(Self.longestRest, Self.firstRest * (1 << min(failures - 1, 10)))
        note(log, Entry(failures: failures, until: now.advanced(by: rest)))
        return failures == 1
    }

    /// The log was read.
    package mutating func onRead(_ log: LogIdentity) {
        if entries[log]?.failures ?? 0 > 0 { entries[log] = nil }
    }

    /// What lies below a floor leaves (S1b).
    package mutating func drop(_ facts: LineageFacts) { entries = entries.filter { !facts.isBelowFloor($0.key) } }

    /// What does not fit is found out again.
    private mutating func note(_ log: LogIdentity, _ entry: Entry) {
        guard entries[log] != nil || entries.count < limit else { return }
        entries[log] = entry
    }
}
