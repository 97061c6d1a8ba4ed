// The quick start through the built executables: the main job, its keys, its proof.

import Foundation
import NodeEnvironment
import Testing

@testable import OperatorCommands

@Suite(.serialized, .enabled(if: BuiltExecutables.areThere, Comment(rawValue: BuiltExecutables.absence)))
struct QuickstartTests {
    /// INTERFACES: keys that must be there.
    static let keys = [
        "regions", "requests", "events_acknowledged", "events_lost", "events_duplicated", "digests_equal", "rto_ms",
        "rpo_events_local", "rpo_events_remote", "latency_p50_us", "latency_p99_us", "freshness_p99_ms",
        "mirror_lag_p99_ms", "input",
    ]

    @Test func s6TheMainJobLosesNothingOverAKill() async throws {
        let run = try await CommandRun.meridian(
            ["quickstart", "--regions", "1", "--duration", "3", "--rate", "200", "--seed", "11", "--json"],
            limit: .seconds(120))
        #expect(run.end == .exited(0), "\(run.output)")
        let answer = try #require(
            try JSONSerialization.jsonObject(with: Data(run.lastLine.utf8)) as? [String: Any], "\(run.output)")
        for key in Self.keys { #expect(answer[key] != nil, "\(key)") }
        #expect(answer["events_lost"] as? Int == 0)
        #expect(answer["events_duplicated"] as? Int == 0)
        #expect(answer["digests_equal"] as? Bool == true)
        #expect((answer["events_acknowledged"] as? Int ?? 0) > 100, "\(run.lastLine)")
        #expect(answer["kills"] as? Int == 1)
        #expect(answer["input"] as? String == "generated")
    }

    @Test func s7APowerCutLosesNothingAndTheCheckCanFail() async throws {
        let seed: UInt64 = 23
        let outcome = try await HostRuntime.run { environment in
            let scratch = try ScratchDirectory("meridian-test")
            defer { scratch.remove() }
            var extent = DurabilityProof.Extent()
            (extent.killRounds, extent.powerCutRounds, extent.round) = (1, 1, .seconds(2))
            let plan = QuickstartPlan(
                nodeBinary: BuiltExecutables.meridiand, data: nil, duration: .seconds(2), rate: 200, seed: seed,
                kills: true, keeps: false)
            return try await DurabilityProof(
                plan, extent: extent, scratch: scratch, shimSource: BuiltExecutables.shimSource,
                environment: environment
            ) { _ in }.run()
        }
        #expect(outcome.rounds.map(\.fault) == [.kill, .powerCut])
        for round in outcome.rounds { #expect(round.holds, "seed \(seed): \(outcome.text)") }
        #expect(outcome.canary?.foundLoss == true, "seed \(seed): \(outcome.text)")
    }

    @Test func anInterruptedQuickStartLeavesNothingBehind() async throws {
        let run = try await CommandRun.meridian(["quickstart", "--duration", "600"], limit: .seconds(8))
        #expect(run.end == nil)
        #expect(run.output.contains("interrupted by signal 15"), "\(run.output)")
        let path = try #require(run.output.firstMatch(of: /files in (\S+)/)?.1, "\(run.output)")
        #expect(!FileManager.default.fileExists(atPath: String(path)))
    }

    @Test func regionsBeyondTheLimitAreRefused() async throws {
        for regions in ["0", "9"] {
            let run = try await CommandRun.meridian(["quickstart", "--regions", regions])
            #expect(run.end == .exited(2))
            #expect(run.output.contains("--regions \(regions) is out of range"), "\(run.output)")
        }
    }
}
