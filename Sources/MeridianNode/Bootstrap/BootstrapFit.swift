// Whether a member's snapshot leads over what is missing here. Pure.

package import ClusterModel
package import EventLog
import MergeableState
package import Personalization
package import RegionMirror

/// Judged by what this disk holds, and by the logs that nobody holds from where it ends.
package struct BootstrapFit: Sendable {
    private let held: [LogSummary]
    private let short: [LogIdentity]

    package init(held: [LogSummary], short: [LogIdentity]) {
        self.held = held
        self.short = short
    }

    /// False where a log goes on here behind the snapshot's place in it, or where the snapshot does not reach what is missing:
    /// a newer one will.
    package func fits(_ snapshot: PublishedSnapshot) -> Bool {
        let places = Dictionary(snapshot.bases.map { ($0.log, $0.offset) }, uniquingKeysWith: { first, _ in first })
        let summaries = held.filter { snapshot.item.concerns($0.log.name) }
        for summary in summaries where summary.base > .zero {
            guard let place = places[summary.log], place >= summary.base else { return false }
        }
        let ends = Dictionary(summaries.map { ($0.log, $0.flushedEnd) }, uniquingKeysWith: { first, _ in first })
        return short.allSatisfy { log in places[log].map { $0 > ends[log] ?? .zero } ?? false }
    }
}

/// What this process writes itself: nobody else knows more of it.
package struct WrittenLogs: Sendable {
    private let region: RegionNumber
    private let incarnation: Incarnation
    private let flushedEnd: @Sendable (LogIdentity) -> Offset

    package init(
        region: RegionNumber, incarnation: Incarnation, flushedEnd: @escaping @Sendable (LogIdentity) -> Offset
    ) {
        self.region = region
        self.incarnation = incarnation
        self.flushedEnd = flushedEnd
    }

    /// Whether the place stands in a log of this start, or of a later one that there is not, beyond what is written.
    package func isBeyond(_ base: LogBase) -> Bool {
        base.log.name.region == region && base.log.incarnation >= incarnation && base.offset > flushedEnd(base.log)
    }
}

extension PublishedSnapshot {
    /// Why the places at which it lets logs go on are not those of the state that it holds; nil where they are. Asked before any
    /// log goes on from it: bytes that are held here would be given up for a place that nobody has.
    package func contradiction(to lines: OriginLines, _ written: WrittenLogs) -> String? {
        for base in bases {
            let (region, incarnation) = (base.log.name.region, base.log.incarnation)
            guard item.concerns(base.log.name) else { return "it names \(base.log), which is none of its logs" }
            guard !written.isBeyond(base) else {
                return "it names \(base.offset.rawValue) in \(base.log), which this node writes itself"
            }
            let next = lines.next(in: region, incarnation)
            guard base.offset == next || base.offset > next && lines.isSettled(region, incarnation) else {
                return "it names \(base.offset.rawValue) in \(base.log), and its state stands at \(next.rawValue)"
            }
        }
        let named = Set(bases.map(\.log))
        let without = lines.vector.entries.first { entry in
            entry.next > .zero
                && !named.contains { $0.name.region == entry.region && $0.incarnation == entry.incarnation }
        }
        return without.map { "it names no place in region \($0.region.rawValue)'s log \($0.incarnation.rawValue)" }
    }
}
