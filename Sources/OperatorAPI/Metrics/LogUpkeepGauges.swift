// The journal's upkeep as gauges: read when somebody scrapes.

import EventLog
import Metrics

/// Copies what a node knows of its journal into gauges.
struct LogUpkeepGauges: Sendable {
    private static let reasons = ["retention", "not_folded", "snapshot", "ids", "member", "pin"]
    private let factory: any MetricsFactory

    init(factory: any MetricsFactory) { self.factory = factory }

    /// Call at each scrape. Never blocks.
    func collect(_ facts: LogUpkeepFacts) {
        gauge("journal_bytes", Double(facts.journalBytes))
        gauge("segments", Double(facts.segments))
        gauge("free_bytes", Double(facts.freeBytes))
        gauge("oldest_seconds", facts.oldestSeconds.map { Double($0) } ?? .nan)
        gauge("bound_bytes", Double(facts.boundBytes))
        gauge("personal_data_seconds", facts.personalDataSeconds.map { Double($0) } ?? .nan)
        gauge("personal_data_left_seconds", facts.personalDataSecondsLeft.map { Double($0) } ?? .nan)
        gauge("trimmed_segments", Double(facts.trimmedSegments))
        gauge("trimmed_bytes", Double(facts.trimmedBytes))
        gauge("trim_overdue", facts.hold?.isOverdue == true ? 1 : 0)
        for reason in Self.reasons {
            Meter(label: "meridian_log_trim_held", dimensions: [("reason", reason)], factory: factory)
                .set(facts.hold?.reason == reason ? 1 : 0)
        }
        gauge("broken_pins", Double(facts.brokenPins.count))
        // What is not known is not a number.
        gauge("unverified_seconds", facts.unverifiedSeconds.map { Double($0) } ?? .nan)
        gauge("scrubbed_bytes", Double(facts.scrubbedBytes))
        gauge("scrubbed_segments", Double(facts.scrubbedSegments))
        gauge("corrupt_ranges", Double(facts.corruptRanges.count))
        gauge("repaired_segments", Double(facts.repairedSegments))
        gauge("failed_repairs", Double(facts.failedRepairs))
        gauge("damaged_files", Double(facts.damagedFiles))
        gauge("unsettled_starts", Double(facts.unsettled?.count ?? 0))
        gauge("disk_full", facts.standstill == nil ? 0 : 1)
        gauge("directory_lost", facts.lostDirectory == nil ? 0 : 1)
        collect(facts.snapshots)
    }

    private func collect(_ snapshots: SnapshotFacts) {
        let values: [(String, Double)] = [
            ("oldest_seconds", Double(snapshots.oldestSeconds)), ("failures", Double(snapshots.failures)),
            ("failing", Double(snapshots.failing)), ("unpaired", Double(snapshots.unpaired)),
            ("overdue", snapshots.overdue == nil ? 0 : 1),
        ]
        for (name, value) in values { Meter(label: "meridian_snapshot_\(name)", factory: factory).set(value) }
    }

    private func gauge(_ name: String, _ value: Double) {
        Meter(label: "meridian_log_\(name)", factory: factory).set(value)
    }
}
