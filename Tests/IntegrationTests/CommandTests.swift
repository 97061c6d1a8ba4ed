// The user's and operator's commands against a real node: answers, exit codes, next steps.

import Foundation
import NodeEnvironment
import Testing

@testable import OperatorCommands

@Suite(.serialized, .enabled(if: BuiltExecutables.areThere, Comment(rawValue: BuiltExecutables.absence)))
struct CommandTests {
    private static func object(_ run: CommandRun) throws -> [String: Any] {
        try #require(
            try JSONSerialization.jsonObject(with: Data(run.lastLine.utf8)) as? [String: Any], "\(run.output)")
    }

    @Test func aUsersVisitByHand() async throws {
        try await RealNode.with { real in
            try await real.node.start()
            let endpoint = ["--endpoint", "\(real.node.endpoint)", "--json"]
            for number in 0..<3 {
                let run = try await CommandRun.meridian(
                    ["publish", "c\(number)", "--title", "Title \(number)"] + endpoint)
                #expect(run.end == .exited(0), "\(run.output)")
            }
            let slate = try Self.object(try await CommandRun.meridian(["next", "ann", "--count", "3"] + endpoint))
            #expect((slate["items"] as? [Any])?.count == 3, "\(slate)")
            let first = try Self.object(try await CommandRun.meridian(["report", "ann", "click", "c1"] + endpoint))
            #expect(first["outcome"] as? String == "applied", "\(first)")
            let id = try #require(first["id"] as? String)
            // S5: the same event again counts once.
            let again = try Self.object(
                try await CommandRun.meridian(["report", "ann", "click", "c1", "--id", id] + endpoint))
            #expect(again["outcome"] as? String == "duplicate", "\(again)")
            let status = try Self.object(try await CommandRun.meridian(["status"] + endpoint))
            #expect(status["state"] as? String == "active")
            #expect(status["users"] as? Int == 1, "\(status)")
            let live = try Self.object(try await CommandRun.meridian(["digest"] + endpoint))
            let logs = try Self.object(try await CommandRun.meridian(["log", "stats"] + endpoint))
            #expect((logs["logs"] as? [Any])?.isEmpty == false, "\(logs)")
            try await real.node.stop()
            let folded = try Self.object(
                try await CommandRun.meridian(["digest", "--log", real.node.journalPath, "--json"]))
            #expect(Self.digests(live) == Self.digests(folded))
            #expect(Self.digests(live).count == 64)
        }
    }

    private static func digests(_ answer: [String: Any]) -> [String] {
        let regions = answer["regions"] as? [[String: Any]] ?? []
        let partitions = regions.first?["partitions"] as? [[String: Any]] ?? []
        return partitions.map { "\($0["partition"] ?? "") \($0["digest"] ?? "")" }
    }

    @Test func replayWritesWhatWasAcknowledged() async throws {
        try await RealNode.with { real in
            try await real.node.start()
            let path = "\(real.scratch.path)/acknowledged-ids"
            let run = try await CommandRun.meridian([
                "replay", "--endpoint", "\(real.node.endpoint)", "--rate", "200", "--duration", "1", "--seed", "3",
                "--ack-file", path, "--json",
            ])
            #expect(run.end == .exited(0), "\(run.output)")
            let answer = try Self.object(run)
            let ids = try AcknowledgementFile.read(path, files: real.environment.files)
            #expect(ids.count == answer["events_acknowledged"] as? Int)
            #expect(!ids.isEmpty)
            try await real.node.stop()
            let fold = try JournalFold(directory: real.node.journalPath, files: real.environment.files)
            #expect(AcknowledgementCheck(ids.map(\.id), in: fold).holds)
        }
    }

    @Test func exitCodesSayWhatHappened() async throws {
        let away = try await CommandRun.meridian(["status", "--endpoint", "127.0.0.1:1", "--timeout", "0.5"])
        #expect(away.end == .exited(3), "\(away.output)")
        #expect(away.output.contains("next: "), "\(away.output)")
        for arguments in [
            ["status", "--endpoint", "nonsense"], ["status", "--no-such-option"], ["next", "u", "--count", "1000"],
            ["status", "--ca", "/x"], ["publish"], ["digest", "--log", "/nonexistent"],
        ] {
            let run = try await CommandRun.meridian(arguments)
            #expect(run.end == .exited(2), "\(arguments): \(run.output)")
        }
        let help = try await CommandRun.meridian(["replay", "--help"])
        #expect(help.end == .exited(0))
        #expect(help.output.contains("--ack-file"))
    }
}
