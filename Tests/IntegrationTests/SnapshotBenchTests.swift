// The snapshots' benchmark, run tiny: every figure that others rely on is there. What the figures are depends on the machine.

import Testing

@Suite(.serialized) struct SnapshotBenchTests {
    @Test(.enabled(if: BenchRun.isBuilt, "meridian-bench is not built beside the tests"))
    func aTinyRunGivesEveryFigure() async throws {
        let run = try await BenchRun(["snapshot", "--users", "2000", "--partitions", "2", "--events", "1000"])
        let results = try run.results
        for (name, figure) in [
            ("fold-alone", "slowest_cpu_us"), ("fold-beside-view", "slowest_cpu_us"), ("encode", "bytes_per_user"),
            ("restore", "users_per_second"),
        ] {
            let figures = try #require(results.first { $0["name"] as? String == name }, "\(name)")
            #expect(figures[figure] as? Double ?? 0 > 0, "\(name): \(figure)")
        }
        #expect(results.count { $0["name"] as? String == "restore" } == 2)
        #expect((run.report["ratios"] as? [String: Double])?["restore_speedup"] != nil)
    }
}
