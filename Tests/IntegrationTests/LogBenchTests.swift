// The log's benchmark, run tiny: every figure that others rely on is there. What the figures are depends on the machine.

import Testing

@Suite(.serialized) struct LogBenchTests {
    @Test(.enabled(if: BenchRun.isBuilt, "meridian-bench is not built beside the tests"))
    func aTinyRunGivesEveryFigure() async throws {
        let run = try await BenchRun([
            "log", "--seconds", "1", "--partitions", "4", "--producers", "1,2", "--megabytes", "4", "--fresh",
            "--alone",
        ])
        let results = try run.results
        for name in ["append-fsync-1", "append-fsync-2", "append-fsync-single-1", "append-fsync-lz4-2", "append-2"] {
            let figures = try #require(results.first { $0["name"] as? String == name }, "\(name)")
            for figure in ["records_per_second", "p99_us", "syscalls_per_batch", "write_amplification"] {
                #expect(figures[figure] as? Double ?? 0 > 0, "\(name): \(figure)")
            }
        }
        let ratios = try #require(run.report["ratios"] as? [String: Double])
        #expect(ratios["append-fsync-1_vs_raw"] != nil && ratios["append-fsync-single-2_vs_raw"] != nil)
        for name in ["open-after-kill", "open-after-clean-stop", "replay", "raw-replay"] {
            #expect(results.contains { $0["name"] as? String == name }, "\(name)")
        }
        #expect(ratios["replay_vs_raw"] ?? 0 > 0)
    }
}
