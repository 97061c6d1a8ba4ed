// The transport's benchmark, run tiny: every figure that others rely on is there.

import Testing

@Suite(.serialized) struct TransportBenchTests {
    @Test(.enabled(if: BenchRun.isBuilt, "meridian-bench is not built beside the tests"))
    func aTinyRunGivesEveryFigure() async throws {
        let run = try await BenchRun(["transport", "--seconds", "0.2", "--rounds", "1"])
        let results = try run.results
        let names = Set(results.compactMap { $0["name"] as? String })
        for security in ["h2c", "tls"] {
            for shape in ["1x1", "1x16", "1x64", "16x64"] { #expect(names.contains("unary-\(security)-\(shape)")) }
        }
        let skipped = try #require(run.report["skipped"] as? [Any])
        let ratios = try #require(run.report["ratios"] as? [String: Double])
        guard skipped.isEmpty else { return }
        #expect(ratios["cpu_vs_nghttpd_h2c_16x64"] != nil && ratios["cpu_vs_nghttpd_tls_16x64"] != nil)
        #expect(results.contains { ($0["mallocs_per_request"] as? Double) != nil })
    }
}
