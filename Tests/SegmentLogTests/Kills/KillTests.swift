// Real processes on a real disk, killed at any moment, their unsynced writes lost or kept by chance (FAULTS 1, 3).
// MERIDIAN_PROVE=1 makes it 200 moments.

import ClusterModel
import Foundation
import NodeEnvironment
import Testing

@Suite(
    .serialized, .enabled(if: LoadProcess.isThere, "needs the C compiler, and journal-load built beside the tests"))
struct KillTests {
    private static let isProving = ProcessInfo.processInfo.environment["MERIDIAN_PROVE"] != nil
    private static let histories: Range<UInt64> = 0..<(isProving ? 10 : 2)
    private static let kills = isProving ? 20 : 4
    /// Runs that end before their moment comes are not counted, and do not go on for ever.
    private static let maxRuns = 4 * kills

    /// S1, S6, S7: every acknowledged batch kept byte for byte, none invented, no offset used again, chains whole; start
    /// after start on one directory, starts that are killed themselves among them.
    @Test("S6, S7: kill -9 at random moments", arguments: histories)
    func nothingAcknowledgedIsLost(seed: UInt64) async throws {
        try await Self.withScratch { process, directory in
            var history = KillHistory(seed: seed, directory: directory)
            while history.kills < Self.kills, history.runs < Self.maxRuns {
                let complaints = try await history.run(process)
                try #require(complaints.isEmpty, "seed \(seed), run \(history.runs): \(complaints.prefix(5))")
            }
            #expect(history.kills == Self.kills)
            #expect(history.journal.acknowledgements > 0)
            if Self.isProving { print("seed \(seed): \(history.summary)") }
        }
    }

    /// The canary: where syncs do nothing, the same must find losses.
    @Test func aDiskThatIgnoresSyncIsFoundOut() async throws {
        try await Self.withScratch { process, directory in
            var found: [String] = []
            for seed in 0..<4 as Range<UInt64> where found.isEmpty {
                var history = KillHistory(seed: seed, directory: "\(directory)-\(seed)")
                try FileManager.default.createDirectory(
                    atPath: history.journal.directory, withIntermediateDirectories: true)
                found += try await history.run(process, ignoresSync: true)
            }
            #expect(found.contains { $0.contains("missing") || $0.contains("cannot be opened") }, "\(found)")
        }
    }

    private static func withScratch(_ body: (LoadProcess, String) async throws -> Void) async throws {
        let scratch = FileManager.default.temporaryDirectory.appending(path: "meridian-kill-\(UUID().uuidString)").path
        try FileManager.default.createDirectory(atPath: "\(scratch)/journal", withIntermediateDirectories: true)
        // The system empties its temporary folder anyway.
        defer { try? FileManager.default.removeItem(atPath: scratch) }
        try await body(try LoadProcess(scratch: scratch), "\(scratch)/journal")
    }
}

/// Runs on one directory, one after the other.
struct KillHistory {
    private static let logs = 24
    private static let producers = 8
    private static let batches = 300

    private(set) var journal: KilledJournal
    private(set) var runs: UInt64 = 0
    /// Moments by what the process was doing.
    private(set) var phases: [String: Int] = [:]
    private var generator: SeededGenerator

    init(seed: UInt64, directory: String) {
        journal = KilledJournal(directory: directory)
        generator = SeededGenerator(seed: seed)
    }

    var kills: Int { phases.values.reduce(0, +) }

    var summary: String {
        let moments = phases.sorted { $0.key < $1.key }.map { "\($0.value) \($0.key)" }.joined(separator: ", ")
        return "\(kills) kills (\(moments)) in \(runs) runs, \(journal.acknowledgements) acknowledged batches, "
            + "\(journal.found) found in \(journal.segments) segments"
    }

    /// One run, its kill, and what does not hold afterwards. With `ignoresSync` it is killed while it appends.
    mutating func run(_ process: LoadProcess, ignoresSync: Bool = false) async throws -> [String] {
        runs += 1
        let moment =
            ignoresSync ? KillMoment(means: .signal, trigger: .line(200), pauseMicroseconds: 0) : nextMoment()
        let arguments = [runs, generator.next(), UInt64(Self.logs), UInt64(Self.producers), UInt64(Self.batches)]
        let outcome = try await process.run(
            arguments.map(String.init), on: journal.directory, seed: generator.next(), moment,
            ignoresSync: ignoresSync)
        if outcome.wasKilled { phases[outcome.phase, default: 0] += 1 }
        let heard = journal.hear(outcome.lines)
        let repairs = generator.next() % 2 == 0
        let seen = journal.check(repairs: repairs, seed: generator.next())
        return (heard + seen).map { "\($0) (\(moment), \(outcome.phase))" }
    }

    private mutating func nextMoment() -> KillMoment {
        func below(_ bound: UInt64) -> Int { Int(generator.next() % bound) }
        let pause = UInt32(below(400))
        switch below(10) {
        case 0..<3:
            return KillMoment(means: .signal, trigger: .line(1 + below(600)), pauseMicroseconds: pause)
        case 3..<5: return KillMoment(means: .plug, trigger: .line(1 + below(600)), pauseMicroseconds: pause)
        // What a start itself writes: marks, identity, what it writes again, its first segment.
        case 5..<7: return KillMoment(means: .plug, trigger: .call(1 + below(5)), pauseMicroseconds: 0)
        case 7..<9: return KillMoment(means: .plug, trigger: .call(1 + below(500)), pauseMicroseconds: 0)
        default:
            return KillMoment(
                means: below(2) == 0 ? .signal : .plug, trigger: .closing, pauseMicroseconds: pause / 4)
        }
    }
}
