// How old the newest snapshots are that verify, and what became of attempts. Pure: no clock, no files.

package import ClusterModel
package import OperatorAPI
package import Personalization

/// A value; its shell writes snapshots. Bounded by the number of owners.
package struct SnapshotAges: Sendable {
    /// A snapshot older than this many intervals is an alarm: idle shards too are written every `roundsBetweenIdle` rounds, and
    /// two rounds more may go to a failure and its repetition.
    package static let alarmIntervals = SnapshotRun.roundsBetweenIdle + 2

    private let interval: Duration
    /// When each owner's newest snapshot was written; when the node began to serve, before that.
    private var since: [SnapshotOwner: BootInstant]
    private var failing: [SnapshotOwner: String] = [:]
    private var failures: UInt64 = 0

    package init(_ owners: [SnapshotOwner], every interval: Duration, at now: BootInstant) {
        self.interval = interval
        since = Dictionary(uniqueKeysWithValues: owners.map { ($0, now) })
    }

    package mutating func onWritten(_ owner: SnapshotOwner, at now: BootInstant) {
        since[owner] = now
        failing[owner] = nil
    }

    package mutating func onFailed(_ owner: SnapshotOwner, _ reason: String) {
        failures += 1
        failing[owner] = reason
    }

    /// Whether the owner's last attempt failed: it is written in the next round, changed or not.
    package func isFailing(_ owner: SnapshotOwner) -> Bool { failing[owner] != nil }

    /// Complexity: O(owners).
    package func facts(at now: BootInstant) -> SnapshotFacts {
        var facts = SnapshotFacts()
        facts.failures = failures
        facts.failing = failing.count
        guard let oldest = since.min(by: { ($0.value, "\($0.key)") < ($1.value, "\($1.key)") }) else { return facts }
        let age = now.since(oldest.value)
        facts.oldestSeconds = age.wholeMilliseconds / 1_000
        if age > interval * Int(Self.alarmIntervals) {
            let reason = failing[oldest.key] ?? failing.values.min()
            facts.overdue =
                "\(oldest.key) has no snapshot for \(facts.oldestSeconds) s" + (reason.map { ": \($0)" } ?? "")
        }
        return facts
    }
}
