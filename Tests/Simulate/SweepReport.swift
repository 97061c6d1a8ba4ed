// Many seeds in one report.

import MeridianSimulation
import OperatorCommands

/// Adds up what the seeds found.
struct SweepReport {
    private(set) var seeds = 0
    private(set) var failed: [UInt64] = []
    private var violations: [Violation] = []
    private var simulated = Duration.zero
    private var steps: UInt64 = 0
    private var acknowledged = 0
    private var rare: [RarePath: Int] = [:]
    private var hash: UInt64 = 0

    mutating func add(_ report: ScenarioReport) {
        seeds += 1
        if !report.violations.isEmpty { failed.append(report.seed) }
        violations += report.violations
        simulated += report.simulated
        steps += report.steps
        acknowledged += report.acknowledged
        rare.merge(report.rarePaths) { $0 + $1 }
        hash = (hash &* 0x0000_0100_0000_01b3) ^ report.traceHash
    }

    private var traceHash: String {
        let digits = String(hash, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }

    private static func seconds(_ duration: Duration) -> Double { duration / .seconds(1) }

    private func stepsPerSecond(_ elapsed: Duration) -> Double {
        Self.seconds(elapsed) > 0 ? (Double(steps) / Self.seconds(elapsed)).rounded() : 0
    }

    func json(elapsed: Duration) -> JSONValue {
        .object([
            "seeds": .count(seeds),
            "seeds_failed": .array(failed.map { .count($0) }),
            "violations": .array(
                violations.map { violation in
                    .object([
                        "seed": .count(violation.seed), "rule": .string(violation.rule),
                        "reason": .string(violation.reason),
                    ])
                }),
            "simulated_seconds": .number(Self.seconds(simulated)),
            "steps_per_second": .number(stepsPerSecond(elapsed)),
            "rare_paths": .object(
                RarePath.allCases.map { JSONValue.Member(key: $0.rawValue, value: .count(rare[$0] ?? 0)) }),
            "trace_hash": .string(traceHash),
            "steps": .count(steps),
            "events_acknowledged": .count(acknowledged),
        ])
    }

    func text(elapsed: Duration) -> String {
        var lines = [
            "\(seeds) seeds, \(failed.count) failed, \(acknowledged) events acknowledged",
            "\(Self.seconds(simulated)) s simulated, \(steps) steps, \(Int(stepsPerSecond(elapsed))) steps/s, "
                + "trace \(traceHash)",
        ]
        lines += RarePath.allCases.map { "  \($0.rawValue): \(rare[$0] ?? 0)" }
        if !failed.isEmpty { lines.append("failed seeds: \(failed)") }
        return lines.joined(separator: "\n")
    }
}
