// A bounded run of every fuzz target, and every input that was ever kept. Long runs: meridian-fuzz.

import Foundation
import NodeEnvironment
import Testing
import TransportFuzzing

@Suite struct FuzzTests {
    /// Damaged inputs of each target; `Tests/run --prove` runs ten million over all.
    private static let runs = ProcessInfo.processInfo.environment["MERIDIAN_PROVE"] == nil ? 4_000 : 2_500_000
    private static let corpus = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().appending(path: "Fuzz/Corpus")

    private func check(_ target: any FuzzTarget, runs: Int = runs, seed: UInt64) {
        let folder = Self.corpus.appending(path: target.name)
        // No folder: nothing was kept yet.
        let names = (try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? []
        let kept = names.sorted().compactMap { try? Array(Data(contentsOf: folder.appending(path: $0))) }
        let outcome = FuzzRun.run(target, kept: kept, runs: runs, seed: seed)
        #expect(
            outcome.finding == nil, "\(target.name): \(outcome.finding?.reason ?? "") \(outcome.finding?.input ?? [])")
        #expect(outcome.inputs == kept.count + runs)
    }

    @Test func frames() throws { check(try FramesTarget(), seed: 101) }

    @Test func answers() throws { check(try AnswersTarget(), seed: 102) }

    @Test func headerBlocks() { check(HeadersTarget(), seed: 103) }

    @Test func messages() { check(MessagesTarget(), seed: 104) }

    @Test func records() throws {
        let files = try TestCertificates()
        let target = try RecordsTarget(
            authorityPath: files.server.authorityPath, certificatePath: files.server.certificatePath,
            keyPath: files.server.keyPath)
        check(target, runs: Self.runs / 8, seed: 105)
    }

    /// A target that is broken on purpose: the harness must find it.
    private struct Canary: FuzzTarget {
        let name = "canary"
        let keptBytes = 0
        let seeds: [[UInt8]] = [Array("a harmless input".utf8)]

        func run(_ input: [UInt8]) throws {
            if input.count > 3, input[2] == 0xff { throw FuzzFinding("found") }
        }
    }

    @Test func aBrokenTargetIsFound() {
        let outcome = FuzzRun.run(Canary(), kept: [], runs: 100_000, seed: 1)
        #expect(outcome.finding?.reason.contains("found") == true && outcome.inputs < 100_000)
    }
}
