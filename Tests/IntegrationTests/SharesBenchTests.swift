// The benchmark of fair shares, run tiny: every figure is there, and the quiet client was answered. What the figures are
// depends on the machine.

import Testing

@Suite(.serialized) struct SharesBenchTests {
    @Test(.enabled(if: BenchRun.isBuilt, "meridian-bench is not built beside the tests"))
    func aTinyRunGivesEveryFigureAndTheQuietClientIsAlwaysAnswered() async throws {
        let run = try await BenchRun([
            "shares", "--seconds", "1", "--rounds", "1", "--connections", "4", "--calls", "8",
        ])
        let results = try run.results
        let beside = try #require(results.first { $0["name"] as? String == "shares-beside" }, "\(run.text)")
        #expect(beside["calls"] as? Double ?? 0 > 0 && beside["flood_calls"] as? Double ?? 0 > 0, "\(run.text)")
        #expect(beside["p50_us"] is Double && beside["p99_us"] is Double && beside["flood_refused"] is Double)
        let ratios = try #require(run.report["ratios"] as? [String: Double])
        #expect(ratios["p50_beside_vs_alone"] != nil && ratios["p50_alone_vs_alone"] != nil)
    }
}
