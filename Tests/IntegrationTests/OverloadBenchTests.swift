// The overload benchmark, run tiny: every figure that others rely on is there. What the figures are depends on the machine.

import Testing

@Suite(.serialized) struct OverloadBenchTests {
    @Test(.enabled(if: BenchRun.isBuilt, "meridian-bench is not built beside the tests"))
    func aTinyRunGivesEveryFigure() async throws {
        let run = try await BenchRun([
            "overload", "--seconds", "1", "--users", "50", "--contents", "200", "--connections", "8",
        ])
        let results = try run.results
        for name in ["overload-1x", "overload-3x", "overload-10x"] {
            let figures = try #require(results.first { $0["name"] as? String == name }, "\(name)")
            #expect(figures["goodput_per_second"] as? Double ?? 0 > 0, "\(name): \(run.text)")
            for figure in ["offered_per_second", "refused_per_second", "unlock_p99_us", "prefetch_good_ratio"] {
                #expect(figures[figure] is Double, "\(name): \(figure)")
            }
            #expect(figures["failed_per_second"] as? Double == 0, "\(name): \(run.text)")
        }
        let ratios = try #require(run.report["ratios"] as? [String: Double])
        #expect(ratios["goodput_3x_vs_1x"] != nil && ratios["goodput_10x_vs_1x"] != nil)
    }
}
