// What a quick start on several regions ends with, for people and as JSON.

import ClusterModel
package import Datasets

/// The figures and the verdict (INTERFACES, `Deploy/quickstart`).
package struct RegionOutcome: Sendable {
    package var plan: QuickstartPlan
    package var input: ReplaySource.Input
    package var measurement: ReplayMeasurement
    package var elapsed: Duration
    package var verdict: DeploymentVerdict
    /// Nil without a kill.
    package var kill: KillRecord?
    package var lag: MirrorLag?
    package var freshness: LatencyHistogram
    /// Of all regions together.
    package var residentBytes: UInt64?

    /// What did not hold, for people; empty when everything did.
    package var complaints: [String] {
        var complaints = verdict.complaints
        if !verdict.lost.isEmpty || verdict.duplicated > 0 { complaints.append(verdict.text) }
        complaints += kill?.complaints() ?? []
        if verdict.acknowledged == 0 { complaints.append("no event was acknowledged") }
        if measurement.eventsRefused > 0 {
            complaints.append("events were refused: \(measurement.lastFailure ?? "")")
        }
        if measurement.failedCalls > 0 {
            complaints.append(
                "\(measurement.failedCalls) calls failed for good: \(measurement.lastFailure ?? "")")
        }
        return complaints
    }

    package var holds: Bool { complaints.isEmpty }

    /// The keys of the command's JSON object.
    package var answer: JSONValue { .object(members) }

    private var members: [JSONValue.Member] {
        head + times
            + [
                .init("slates", .count(measurement.slates)),
                .init("slates_personal", .count(measurement.personalSlates)),
                .init("slates_empty", .count(measurement.emptySlates)),
                .init("share_shown", .number(ReplaySummary.shareShown(measurement))),
                .init("node_resident_bytes", residentBytes.map { .count($0) } ?? .null),
                .init("complaints", .array(complaints.map { .string($0) })),
            ]
    }

    private var head: [JSONValue.Member] {
        [
            .init("verdict", .string(holds ? "passed" : "failed")), .init("regions", .count(plan.regions)),
            .init("input", .string(input.rawValue)), .init("seed", .count(plan.seed)),
            .init("elapsed_ms", .count(elapsed.wholeMilliseconds)), .init("requests", .count(measurement.requests)),
            .init("events_acknowledged", .count(verdict.acknowledged)),
            .init("events_lost", .count(verdict.lost.count)), .init("events_duplicated", .count(verdict.duplicated)),
            .init("events_copied", .count(verdict.copies)), .init("events_refused", .count(measurement.eventsRefused)),
            .init("events_known_already", .count(measurement.eventsDuplicate)),
            .init("reports_settled_for_local", .count(measurement.settledForLocal)),
            .init("failed_calls", .count(measurement.failedCalls)),
            .init("digests_equal", .boolean(verdict.digestsEqual)), .init("kills", .count(kill == nil ? 0 : 1)),
        ]
    }

    private var times: [JSONValue.Member] {
        [
            .init("rto_ms", kill.map { .count($0.outage.gap.wholeMilliseconds) } ?? .null),
            .init("longest_call_ms", kill.map { .count($0.outage.longestCall.wholeMilliseconds) } ?? .null),
            .init("down_ms", kill.map { .count($0.downFor.wholeMilliseconds) } ?? .null),
            .init("catch_up_ms", kill?.catchUp.map { .count($0.wholeMilliseconds) } ?? .null),
            .init("rpo_events_local", kill.map { .count($0.point.local.count) } ?? .null),
            .init("rpo_events_remote", kill.map { .count($0.point.remote.count) } ?? .null),
            .init("latency_p50_us", .count(measurement.latency.quantileMicroseconds(0.5))),
            .init("latency_p99_us", .count(measurement.latency.quantileMicroseconds(0.99))),
            .init("freshness_p50_ms", .number(milliseconds(freshness, 0.5))),
            .init("freshness_p99_ms", .number(milliseconds(freshness, 0.99))),
            .init("freshness_probes", .count(freshness.count)),
            .init("mirror_lag_p50_ms", lag.map { .number($0.p50) } ?? .null),
            .init("mirror_lag_p99_ms", lag.map { .number($0.p99) } ?? .null),
        ]
    }

    private func milliseconds(_ histogram: LatencyHistogram, _ fraction: Double) -> Double {
        Double(histogram.quantileMicroseconds(fraction)) / 1_000
    }

    package var text: String {
        var lines = [
            "",
            "input             \(input.rawValue), seed \(plan.seed)",
            "served            \(measurement.requests) calls of users in \(plan.regions) regions, "
                + "\(measurement.slates) slates (\(measurement.personalSlates) personal)",
            "latency           p50 \(measurement.latency.quantileMicroseconds(0.5)) us, "
                + "p99 \(measurement.latency.quantileMicroseconds(0.99)) us",
            "freshness         what one region took is served in another after p50 "
                + "\(milliseconds(freshness, 0.5)) ms, p99 \(milliseconds(freshness, 0.99)) ms",
        ]
        if let lag { lines.append("mirror lag        p50 \(lag.p50) ms, p99 \(lag.p99) ms") }
        if let kill { lines += Self.text(kill) }
        if let residentBytes { lines.append("memory            \(residentBytes >> 20) MiB in all regions") }
        lines.append("acknowledged      \(verdict.text)")
        lines.append(
            "state             "
                + (verdict.digestsEqual
                    ? "all regions, the fold of each region's log, and a fold of each event once have equal digests"
                    : "digests DIFFER"))
        lines += complaints.map { "FAILED            \($0)" }
        lines.append(holds ? "PASSED" : "FAILED")
        return lines.joined(separator: "\n")
    }

    private static func text(_ kill: KillRecord) -> [String] {
        [
            "kill -9           of \(kill.region), for \(kill.downFor.wholeMilliseconds) ms; its users had an answer again "
                + "after \(kill.outage.gap.wholeMilliseconds) ms (longest call "
                + "\(kill.outage.longestCall.wholeMilliseconds) ms)",
            "                  the others lacked \(kill.point.local.count) events acknowledged local and "
                + "\(kill.point.remote.count) acknowledged remote; it had caught up "
                + (kill.catchUp.map { "\($0.wholeMilliseconds) ms after its return" } ?? "NOT IN TIME"),
        ]
    }
}

extension JSONValue.Member {
    init(_ key: String, _ value: JSONValue) { self.init(key: key, value: value) }
}
