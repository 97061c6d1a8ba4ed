// What a replay ends with, for people and as JSON.

import ClusterModel
package import Datasets

/// The figures of `meridian replay`.
package struct ReplaySummary: Sendable {
    private let measurement: ReplayMeasurement
    private let input: ReplaySource.Input
    private let elapsed: Duration

    package init(_ measurement: ReplayMeasurement, input: ReplaySource.Input, elapsed: Duration) {
        self.measurement = measurement
        self.input = input
        self.elapsed = elapsed
    }

    /// How often an item that the user turned to stood in the slate just before, of 1; 0 without interactions.
    package static func shareShown(_ measurement: ReplayMeasurement) -> Double {
        let reported = measurement.eventsAcknowledged + measurement.eventsRefused
        return reported == 0 ? 0 : Double(measurement.interactionsShown) / Double(reported)
    }

    /// The keys of the command's JSON object.
    package var answer: JSONValue {
        .object([
            "input": .string(input.rawValue), "elapsed_ms": .count(elapsed.wholeMilliseconds),
            "requests": .count(measurement.requests), "events_acknowledged": .count(measurement.eventsAcknowledged),
            "events_known_already": .count(measurement.eventsDuplicate),
            "events_refused": .count(measurement.eventsRefused), "failed_calls": .count(measurement.failedCalls),
            "refused_by_reason": measurement.refusals.json, "failed_by_reason": measurement.failures.json,
            "latency_p50_us": .count(measurement.latency.quantileMicroseconds(0.5)),
            "latency_p99_us": .count(measurement.latency.quantileMicroseconds(0.99)),
            "longest_gap_ms": .count(measurement.longestGap.wholeMilliseconds),
            "freshness_p99_ms": .count(measurement.staleness.quantileMicroseconds(0.99) / 1_000),
            "slates": .count(measurement.slates), "slates_personal": .count(measurement.personalSlates),
            "slates_empty": .count(measurement.emptySlates), "share_shown": .number(Self.shareShown(measurement)),
            "last_failure": measurement.lastFailure.map { .string($0) } ?? .null,
        ])
    }

    package var text: String {
        var lines = [
            "\(measurement.eventsAcknowledged) events acknowledged in \(Int(elapsed / .seconds(1))) s, "
                + "\(measurement.eventsRefused) refused, input \(input.rawValue)",
            "latency p50 \(measurement.latency.quantileMicroseconds(0.5)) us, "
                + "p99 \(measurement.latency.quantileMicroseconds(0.99)) us, \(measurement.requests) calls",
            "what users turned to stood in their slate \(percent(Self.shareShown(measurement))) of the time",
        ]
        if measurement.eventsRefused > 0 { lines.append("events refused: \(measurement.refusals.text)") }
        if measurement.failedCalls > 0 {
            lines.append("\(measurement.failedCalls) calls failed: \(measurement.failures.text)")
        }
        if let reason = measurement.lastFailure { lines.append("the last failure: \(reason)") }
        return lines.joined(separator: "\n")
    }

    private func percent(_ share: Double) -> String { "\((share * 1_000).rounded() / 10) %" }
}
