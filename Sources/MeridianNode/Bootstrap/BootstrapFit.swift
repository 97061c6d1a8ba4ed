// Whether a member's snapshot leads over what is missing here. Pure.

package import ClusterModel
package import EventLog
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
