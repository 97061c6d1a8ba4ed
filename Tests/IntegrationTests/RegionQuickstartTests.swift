// Two regions as real processes: the main job with a kill, and returns that go wrong.

import Foundation
import NodeEnvironment
import Testing

@testable import OperatorCommands

@Suite(.serialized, .enabled(if: BuiltExecutables.areThere, Comment(rawValue: BuiltExecutables.absence)))
struct RegionQuickstartTests {
    @Test func s11ARegionDiesUnderLoadAndNothingIsLost() async throws {
        let run = try await CommandRun.meridian(
            ["quickstart", "--duration", "6", "--rate", "100", "--seed", "31", "--json"], limit: .seconds(180))
        #expect(run.end == .exited(0), "\(run.output)")
        let answer = try #require(
            try JSONSerialization.jsonObject(with: Data(run.lastLine.utf8)) as? [String: Any], "\(run.output)")
        for key in QuickstartTests.keys { #expect(answer[key] != nil, "\(key)") }
        #expect(answer["regions"] as? Int == 2)
        #expect(answer["kills"] as? Int == 1)
        #expect(answer["events_lost"] as? Int == 0)
        #expect(answer["events_duplicated"] as? Int == 0)
        #expect(answer["rpo_events_remote"] as? Int == 0)
        #expect(answer["failed_calls"] as? Int == 0)
        #expect(answer["digests_equal"] as? Bool == true)
        #expect(answer["freshness_probes"] as? Int ?? 0 > 0)
        #expect(answer["rto_ms"] is Int, "\(run.lastLine)")
    }

    @Test(arguments: [RegionStory.Kind.lostDisk, .cutOff])
    func s12AReturnThatGoesWrong(kind: RegionStory.Kind) async throws {
        let seed: UInt64 = 41
        let outcome = try await HostRuntime.run { environment in
            let scratch = try ScratchDirectory("meridian-test")
            defer { scratch.remove() }
            var plan = QuickstartPlan(
                nodeBinary: BuiltExecutables.meridiand, data: nil, duration: .seconds(2), rate: 100, seed: seed,
                kills: true, keeps: false)
            plan.regions = 2
            var extent = RegionProof.Extent()
            extent.stories = [kind]
            return try await RegionProof(plan, extent: extent, scratch: scratch, environment: environment) { _ in }
                .run()
        }
        #expect(outcome.holds, "seed \(seed): \(outcome.text)")
        if kind == .lostDisk { #expect(outcome.stories.first?.tail ?? 0 > 0, "seed \(seed)") }
    }
}
