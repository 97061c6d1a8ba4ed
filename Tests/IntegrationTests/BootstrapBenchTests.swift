// The benchmark of a lost disk, run tiny: the region comes back from snapshots whoever is killed, and no call fails.

import Testing

@Suite(.serialized) struct BootstrapBenchTests {
    @Test(.enabled(if: BenchRun.isBuilt, "meridian-bench is not built beside the tests"))
    func s5ATinyRunComesBackThreeTimesAndLosesNothing() async throws {
        let run = try await BenchRun([
            "bootstrap", "--users", "4000", "--partitions", "8", "--rate", "50", "--seconds", "1", "--kibibytes", "64",
        ])
        let results = try run.results
        for death in ["undisturbed", "requester-killed", "source-killed"] {
            let life = try #require(results.first { $0["name"] as? String == "bootstrap-\(death)" }, "\(run.text)")
            // One a partition at least.
            #expect(life["snapshots"] as? Double ?? 0 >= 8, "\(death): \(run.text)")
            for figure in ["snapshot_bytes", "source_sent_bytes", "source_writes", "source_reads", "requester_writes"] {
                #expect(life[figure] as? Double ?? 0 > 0, "\(death) \(figure): \(run.text)")
            }
            for figure in [
                "source_writes_failed", "source_reads_failed", "requester_writes_failed", "missing_events",
                "double_events",
            ] {
                #expect(life[figure] as? Double == 0, "\(death) \(figure): \(run.text)")
            }
            #expect(life["digests_equal"] as? Double == 1, "\(death): \(run.text)")
        }
    }
}
