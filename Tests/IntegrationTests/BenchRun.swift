// A benchmark, run as users run it, and the one JSON object that it prints.

import ClusterModel
import Foundation
import HostEnvironment
import NodeEnvironment
import OperatorCommands
import Testing

struct BenchRun {
    // Without the build's directory nothing can be run.
    private static let bench = (try? Executables.beside("meridian-bench")) ?? ""

    static let isBuilt = HostFileStore().exists(bench)

    /// All that was printed.
    let text: String
    let report: [String: Any]

    /// Runs an area with `--json` to its end, which must be a good one.
    init(_ arguments: [String]) async throws {
        let scratch = try ScratchDirectory("meridian-bench-test")
        defer { scratch.remove() }
        let output = "\(scratch.path)/output"
        let process = try ChildProcess([Self.bench] + arguments + ["--json"], outputPath: output)
        let end = try await process.waitForEnd(within: .seconds(300), clock: HostClock())
        text = String(decoding: try Data(contentsOf: URL(filePath: output)), as: UTF8.self)
        #expect(end == .exited(0), "\(text)")
        let line = text.split(separator: "\n").last { $0.hasPrefix("{") } ?? ""
        report = try #require(try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])
    }

    var results: [[String: Any]] {
        get throws { try #require(report["results"] as? [[String: Any]]) }
    }
}
