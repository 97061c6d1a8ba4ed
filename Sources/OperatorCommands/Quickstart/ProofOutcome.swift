// What `quickstart --prove` ends with.

import ClusterModel
package import Datasets

/// Rounds of kills and the canary.
package struct ProofOutcome: Sendable {
    /// How a round's node died.
    package enum Fault: String, Hashable, Sendable {
        /// SIGKILL: the page cache survives.
        case kill
        /// The write-holding library: unsynced writes are kept or dropped by chance.
        case powerCut = "power_cut"
    }

    package struct Round: Sendable {
        package var fault: Fault
        /// From the start of traffic to the kill.
        package var killedAfter: Duration
        package var outage: Duration
        package var requests: UInt64
        package var verdict: NodeProof.Verdict
        package var refused: UInt64
        package var latency: LatencyHistogram

        package var holds: Bool { verdict.holds && refused == 0 && requests > 0 }
    }

    /// What the check said of a node whose syncs do nothing: it must find a loss.
    package struct Canary: Hashable, Sendable {
        package var foundLoss: Bool
        package var text: String
    }

    package var input: ReplaySource.Input
    package var seed: UInt64
    package var rounds: [Round] = []
    /// Nil when there was no library to plant.
    package var canary: Canary?

    package init(input: ReplaySource.Input, seed: UInt64) {
        self.input = input
        self.seed = seed
    }

    package var holds: Bool { !rounds.isEmpty && rounds.allSatisfy(\.holds) && canary?.foundLoss == true }

    /// The keys of the command's JSON object. The files of ids grow over the rounds of a fault, so the last round of each
    /// stands for all.
    package var answer: JSONValue {
        var latency = LatencyHistogram()
        for round in rounds { latency.merge(round.latency) }
        let checks = [Fault.kill, .powerCut].compactMap { fault in
            rounds.last { $0.fault == fault }?.verdict.check
        }
        return .object([
            "verdict": .string(holds ? "passed" : "failed"), "regions": .count(1), "input": .string(input.rawValue),
            "seed": .count(seed), "requests": .count(rounds.map(\.requests).reduce(0, +)),
            "events_acknowledged": .count(checks.map(\.acknowledged).reduce(0, +)),
            "events_lost": .count(rounds.map(\.verdict.check.lost.count).max() ?? 0),
            "events_duplicated": .count(rounds.map(\.verdict.check.duplicated.count).max() ?? 0),
            "digests_equal": .boolean(rounds.allSatisfy(\.verdict.digestsEqual)),
            "rto_ms": .count((rounds.map(\.outage).max() ?? .zero).wholeMilliseconds),
            "rpo_events_local": .null, "rpo_events_remote": .null,
            "latency_p50_us": .count(latency.quantileMicroseconds(0.5)),
            "latency_p99_us": .count(latency.quantileMicroseconds(0.99)),
            "freshness_p99_ms": .null, "mirror_lag_p99_ms": .null,
            "canary_found_loss": canary.map { .boolean($0.foundLoss) } ?? .null,
            "canary": canary.map { .string($0.text) } ?? .null, "rounds": .array(rounds.map(Self.answer)),
        ])
    }

    private static func answer(_ round: Round) -> JSONValue {
        .object([
            "fault": .string(round.fault.rawValue), "killed_after_ms": .count(round.killedAfter.wholeMilliseconds),
            "rto_ms": .count(round.outage.wholeMilliseconds),
            "events_acknowledged": .count(round.verdict.check.acknowledged),
            "events_lost": .count(round.verdict.check.lost.count),
            "events_duplicated": .count(round.verdict.check.duplicated.count),
            "events_refused": .count(round.refused), "digests_equal": .boolean(round.verdict.digestsEqual),
            "complaints": .array(round.verdict.complaints.map { .string($0) }),
        ])
    }

    package var text: String {
        var lines = ["", "seed \(seed), input \(input.rawValue)"]
        for (number, round) in rounds.enumerated() {
            lines.append(
                "\(number + 1). \(round.fault == .kill ? "kill -9" : "power cut") after "
                    + "\(round.killedAfter.wholeMilliseconds) ms: \(round.verdict.check.text); digests "
                    + "\(round.verdict.digestsEqual ? "equal" : "DIFFER"); back after "
                    + "\(round.outage.wholeMilliseconds) ms")
            lines += round.verdict.complaints.map { "   FAILED: \($0)" }
            if round.refused > 0 { lines.append("   FAILED: \(round.refused) events were refused") }
        }
        lines.append("canary, syncs that do nothing: \(canary?.text ?? "not run")")
        lines.append(holds ? "PASSED" : "FAILED")
        return lines.joined(separator: "\n")
    }
}
