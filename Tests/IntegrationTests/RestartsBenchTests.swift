// The benchmark of many restarts, run tiny: every event counts once, and the tables hold what is current.

import Testing

@Suite(.serialized) struct RestartsBenchTests {
    @Test(.enabled(if: BenchRun.isBuilt, "meridian-bench is not built beside the tests"))
    func s1bATinyRunLosesNothingAndEndsSettled() async throws {
        let run = try await BenchRun([
            "restarts", "--restarts", "4", "--partitions", "4", "--rate", "50", "--rest", "300",
        ])
        let results = try run.results
        let mark = try #require(results.first { $0["name"] as? String == "restarts" }, "\(run.text)")
        #expect(mark["settled"] as? Double == 1 && mark["digests_equal"] as? Double == 1, "\(run.text)")
        // A log a partition and region, and each region's of the catalogue.
        #expect(mark["logs"] as? Double == 10, "\(run.text)")
        for figure in [
            "start_after_kill_p50_ms", "start_after_stop_max_ms", "first_event_p50_ms", "mesh_call_bytes",
            "start_survivor_received_bytes", "lineage_bytes", "disk_bytes", "survivor_descriptors",
        ] {
            #expect(mark[figure] as? Double ?? 0 > 0, "\(figure): \(run.text)")
        }
        let check = try #require(results.first { $0["name"] as? String == "restarts-check" }, "\(run.text)")
        #expect(check["acknowledged_events"] as? Double ?? 0 > 4)
        // A stop and a start are no errors to anybody.
        for figure in ["given_up_events", "missing_events", "double_events", "error_lines"] {
            #expect(check[figure] as? Double == 0, "\(figure): \(run.text)")
        }
    }
}
