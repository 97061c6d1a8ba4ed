// What a quick start ends with, for people and as JSON.

import ClusterModel
package import Datasets

/// The figures and the verdict (INTERFACES, `Deploy/quickstart`). Keys that need a second region are null.
package struct QuickstartOutcome: Sendable {
    package var input: ReplaySource.Input
    package var measurement: ReplayMeasurement
    package var elapsed: Duration
    package var check: AcknowledgementCheck
    /// Live node, fold of the log from its first record, and the node after another start: all equal.
    package var digestsEqual: Bool
    /// The longest time without an answer from the kill on; nil without a kill.
    package var outage: Duration?
    package var kills: Int
    package var residentBytes: UInt64?
    /// What did not hold, for people; empty when everything did.
    package var complaints: [String]

    package var holds: Bool { complaints.isEmpty && check.holds && digestsEqual }

    /// The keys of the command's JSON object.
    package var answer: JSONValue {
        .object([
            "verdict": .string(holds ? "passed" : "failed"), "regions": .count(1), "input": .string(input.rawValue),
            "elapsed_ms": .count(elapsed.wholeMilliseconds), "requests": .count(measurement.requests),
            "events_acknowledged": .count(check.acknowledged), "events_lost": .count(check.lost.count),
            "events_duplicated": .count(check.duplicated.count), "events_refused": .count(measurement.eventsRefused),
            "events_known_already": .count(measurement.eventsDuplicate),
            "failed_calls": .count(measurement.failedCalls),
            "digests_equal": .boolean(digestsEqual), "kills": .count(kills),
            "rto_ms": outage.map { .count($0.wholeMilliseconds) } ?? .null,
            "rpo_events_local": .null, "rpo_events_remote": .null,
            "latency_p50_us": .count(measurement.latency.quantileMicroseconds(0.5)),
            "latency_p99_us": .count(measurement.latency.quantileMicroseconds(0.99)),
            "freshness_p99_ms": .count(measurement.staleness.quantileMicroseconds(0.99) / 1_000),
            "mirror_lag_p99_ms": .null, "slates": .count(measurement.slates),
            "slates_personal": .count(measurement.personalSlates), "slates_empty": .count(measurement.emptySlates),
            "share_shown": .number(ReplaySummary.shareShown(measurement)),
            "node_resident_bytes": residentBytes.map { .count($0) } ?? .null,
            "complaints": .array(complaints.map { .string($0) }),
        ])
    }

    package var text: String {
        var lines = [
            "",
            "input             \(input.rawValue)",
            "served            \(measurement.requests) calls, \(measurement.slates) slates "
                + "(\(measurement.personalSlates) personal)",
            "latency           p50 \(measurement.latency.quantileMicroseconds(0.5)) us, "
                + "p99 \(measurement.latency.quantileMicroseconds(0.99)) us",
            "hits              \(percent(ReplaySummary.shareShown(measurement))) of what users turned to stood in the "
                + "slate they had just been given",
        ]
        if let outage {
            lines.append("kill -9           answered again after \(outage.wholeMilliseconds) ms")
        }
        if let residentBytes { lines.append("node memory       \(residentBytes >> 20) MiB") }
        lines.append("acknowledged      \(check.text)")
        lines.append(
            "state             "
                + (digestsEqual
                    ? "live node, fold of its log from zero and restarted node have equal digests"
                    : "digests DIFFER between the live node, the fold of its log and the restarted node"))
        lines += complaints.map { "FAILED            \($0)" }
        lines.append(holds ? "PASSED" : "FAILED")
        return lines.joined(separator: "\n")
    }

    private func percent(_ share: Double) -> String { "\((share * 1_000).rounded() / 10) %" }
}
