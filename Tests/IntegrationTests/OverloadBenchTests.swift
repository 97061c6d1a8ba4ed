// The overload benchmark, run tiny: every figure that others rely on is there. What the figures are depends on the machine.

import ClusterModel
import Foundation
import HostEnvironment
import NodeEnvironment
import OperatorCommands
import Testing

@Suite(.serialized) struct OverloadBenchTests {
    // Without the build's directory nothing can be run.
    private static let bench = (try? Executables.beside("meridian-bench")) ?? ""

    @Test(.enabled(if: HostFileStore().exists(bench), "meridian-bench is not built beside the tests"))
    func aTinyRunGivesEveryFigure() async throws {
        let scratch = try ScratchDirectory("meridian-bench-test")
        defer { scratch.remove() }
        let output = "\(scratch.path)/output"
        let process = try ChildProcess(
            [
                Self.bench, "overload", "--seconds", "1", "--users", "50", "--contents", "200", "--connections", "8",
                "--json",
            ], outputPath: output)
        let end = try await process.waitForEnd(within: .seconds(300), clock: HostClock())
        let text = String(decoding: try Data(contentsOf: URL(filePath: output)), as: UTF8.self)
        #expect(end == .exited(0), "\(text)")
        let line = text.split(separator: "\n").last { $0.hasPrefix("{") } ?? ""
        let report = try #require(try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])
        let results = try #require(report["results"] as? [[String: Any]])
        for name in ["overload-1x", "overload-3x", "overload-10x"] {
            let figures = try #require(results.first { $0["name"] as? String == name }, "\(name)")
            #expect(figures["goodput_per_second"] as? Double ?? 0 > 0, "\(name): \(text)")
            for figure in ["offered_per_second", "refused_per_second", "unlock_p99_us", "prefetch_good_ratio"] {
                #expect(figures[figure] is Double, "\(name): \(figure)")
            }
            #expect(figures["failed_per_second"] as? Double == 0, "\(name): \(text)")
        }
        let ratios = try #require(report["ratios"] as? [String: Double])
        #expect(ratios["goodput_3x_vs_1x"] != nil && ratios["goodput_10x_vs_1x"] != nil)
    }
}
