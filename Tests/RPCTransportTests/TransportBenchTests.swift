// The transport's benchmark, run tiny: every figure that others rely on is there.

import ClusterModel
import Foundation
import HostEnvironment
import NodeEnvironment
import OperatorCommands
import Testing

@Suite(.serialized) struct TransportBenchTests {
    private static let bench = (try? Executables.beside("meridian-bench")) ?? ""

    @Test(.enabled(if: HostFileStore().exists(bench), "meridian-bench is not built beside the tests"))
    func aTinyRunGivesEveryFigure() async throws {
        let scratch = try ScratchDirectory("meridian-bench-test")
        defer { scratch.remove() }
        let output = "\(scratch.path)/output"
        let process = try ChildProcess(
            [Self.bench, "transport", "--seconds", "0.2", "--rounds", "1", "--json"], outputPath: output)
        let end = try await process.waitForEnd(within: .seconds(300), clock: HostClock())
        let text = String(decoding: try Data(contentsOf: URL(filePath: output)), as: UTF8.self)
        #expect(end == .exited(0), "\(text)")
        let line = text.split(separator: "\n").last { $0.hasPrefix("{") } ?? ""
        let report = try #require(try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])
        let results = try #require(report["results"] as? [[String: Any]])
        let names = Set(results.compactMap { $0["name"] as? String })
        for security in ["h2c", "tls"] {
            for shape in ["1x1", "1x16", "1x64", "16x64"] { #expect(names.contains("unary-\(security)-\(shape)")) }
        }
        let skipped = try #require(report["skipped"] as? [Any])
        let ratios = try #require(report["ratios"] as? [String: Double])
        guard skipped.isEmpty else { return }
        #expect(ratios["cpu_vs_nghttpd_h2c_16x64"] != nil && ratios["cpu_vs_nghttpd_tls_16x64"] != nil)
        #expect(results.contains { ($0["mallocs_per_request"] as? Double) != nil })
    }
}
