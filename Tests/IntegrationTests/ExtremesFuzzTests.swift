// Extremes in every number that comes from outside, run as people run it: `meridian-fuzz extremes`. Its processes trap for it.

import Foundation
import HostEnvironment
import NodeEnvironment
import OperatorCommands
import Testing

@Suite(.serialized) struct ExtremesFuzzTests {
    // Without the build's directory nothing can be run.
    private static let fuzz = (try? Executables.beside("meridian-fuzz")) ?? ""
    static let isBuilt = HostFileStore().exists(fuzz)
    /// `Tests/run --prove` runs ten million.
    private static let isProving = ProcessInfo.processInfo.environment["MERIDIAN_PROVE"] != nil

    private func run(_ words: [String]) async throws -> (end: ChildProcess.End?, text: String) {
        let scratch = try ScratchDirectory("meridian-extremes-test")
        defer { scratch.remove() }
        let output = "\(scratch.path)/output"
        let process = try ChildProcess([Self.fuzz, "extremes"] + words, outputPath: output)
        let limit: Duration = Self.isProving ? .seconds(14_400) : .seconds(300)
        let end = try await process.waitForEnd(within: limit, clock: HostClock())
        if end == nil { process.signal(9) }
        return (end, String(decoding: try Data(contentsOf: URL(filePath: output)), as: UTF8.self))
    }

    @Test(
        "A7: no extreme in any number traps or hangs a process, and the canary is found",
        .enabled(if: isBuilt, "meridian-fuzz is not built beside the tests"))
    func nothingTraps() async throws {
        let (end, text) = try await run(["--runs", Self.isProving ? "10000000" : "30000"])
        #expect(end == .exited(0), "\(text)")
        #expect(text.contains("the canary was found"), "\(text)")
        // Inputs that nobody takes would show nothing.
        for line in text.split(separator: "\n") where line.contains("inputs,") && !line.contains("seed") {
            #expect(!line.hasSuffix(" 0 % taken"), "\(line)")
        }
    }

    @Test(
        "a process that traps is told with the input that did it, and the words that run it again",
        .enabled(if: isBuilt, "meridian-fuzz is not built beside the tests"))
    func theCanaryCanBeRunAgain() async throws {
        let (end, text) = try await run(["--target", "canary", "--runs", "2000"])
        #expect(end == .exited(0), "\(text)")
        let line = try #require(text.split(separator: "\n").first { $0.hasPrefix("canary: input") }, "\(text)")
        let words = try #require(line.split(separator: " ").firstIndex(of: "extremes")).advanced(by: 1)
        let again = line.split(separator: " ")[words...].map(String.init)
        let scratch = try ScratchDirectory("meridian-extremes-again")
        defer { scratch.remove() }
        let process = try ChildProcess(
            [Self.fuzz, "extremes"] + again, outputPath: "\(scratch.path)/output",
            environment: ["SWIFT_BACKTRACE": "enable=no"])
        let last = try await process.waitForEnd(within: .seconds(60), clock: HostClock())
        guard case .signalled? = last else {
            Issue.record("\(again) ended with \(String(describing: last))")
            return
        }
    }
}
