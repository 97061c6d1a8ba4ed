// The mirror's benchmark, run tiny: every figure that others rely on is there.

import Testing

@Suite(.serialized) struct MirrorBenchTests {
    @Test(.enabled(if: BenchRun.isBuilt, "meridian-bench is not built beside the tests"))
    func aTinyRunGivesEveryFigure() async throws {
        let run = try await BenchRun(["mirror", "--seconds", "1", "--rate", "200", "--megabytes", "4"])
        let results = try run.results
        let figures = { (name: String) in results.first { $0["name"] as? String == name } ?? [:] }
        #expect(figures("mirror-steady")["missing_events"] as? Double == 0)
        for figure in ["p50_us", "p99_us", "remote_ack_p99_us", "cpu_ns_per_event", "cpu_ns_per_event_unmirrored"] {
            #expect(figures("mirror-steady")[figure] as? Double ?? 0 > 0, "\(figure)")
        }
        for figure in ["bytes_per_second", "events_per_second", "commits", "journal_reads"] {
            #expect(figures("mirror-catch-up")[figure] as? Double ?? 0 > 0, "\(figure)")
        }
        // 64 logs are caught up with in about one reading of the journal, not in one each.
        let readings = try #require(figures("mirror-catch-up")["journal_readings"] as? Double)
        #expect((0.9..<3).contains(readings), "\(readings)")
        #expect(figures("mirror-copy")["bytes_per_second"] as? Double ?? 0 > 0)
        #expect((run.report["ratios"] as? [String: Double])?["mirror_vs_copy"] ?? 0 > 0)
    }
}
