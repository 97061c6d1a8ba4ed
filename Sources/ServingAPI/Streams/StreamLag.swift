// How far groups are behind: records that are flushed here and not committed, and their age.

package import ClusterModel
package import EventLog
import Personalization

/// What one group has still to do.
package struct StreamLag: Hashable, Sendable {
    /// Time marks and repetitions included.
    package var records: UInt64 = 0
    /// Since the oldest of them was stamped; zero where there are none.
    package var age: Duration = .zero

    package init() {}

    /// Blocks on the disk where a log's next record is not in memory any more. `logs` are those that `engine` holds.
    package init(of cursor: StreamCursor, _ logs: [LogSummary], in engine: any EventLogEngine, at now: WallTime) {
        for summary in logs where summary.log.name.topic == .userEvents {
            let log = summary.log
            guard let position = cursor.positions[log.name.partition],
                let next = position.next(in: log.name.region, log.incarnation), next < summary.flushedEnd
            else { continue }
            let first = max(next, summary.base)
            records = records.adding(clamping: summary.flushedEnd.distance(from: first))
            let recent = engine.recent(log, from: first, maxBytes: 1)?.first
            // A place that cannot be read says nothing of its age; reading it alarms elsewhere.
            let batch = recent ?? (try? engine.read(log, from: first, maxBytes: 1))?.first
            guard let stamp = batch?.header.firstStamp else { continue }
            age = max(age, .milliseconds(now.signedMilliseconds(from: stamp.wallTime)))
        }
    }
}
