// A4, C22, FAULTS 3.3 on real processes: a node on a directory that is not its own, read-only, deleted or foreign.

import ClusterModel
import Foundation
import HostEnvironment
import MeridianClient
import MeridianProtocol
import NodeEnvironment
import Testing

@testable import OperatorCommands

@Suite(.serialized, .enabled(if: BuiltExecutables.areThere, Comment(rawValue: BuiltExecutables.absence)))
struct DataDirectoryTests {
    /// Names, lengths and times of all files below the directory.
    private static func listing(_ path: String) throws -> [String] {
        let names = try FileManager.default.subpathsOfDirectory(atPath: path).sorted()
        return try names.map { name in
            let facts = try FileManager.default.attributesOfItem(atPath: "\(path)/\(name)")
            return "\(name) \(facts[.size] ?? 0) \(facts[.modificationDate] ?? "")"
        }
    }

    /// The node's configuration with one line changed, beside it.
    private static func configuration(_ real: RealNode, _ line: String, _ other: String) throws -> String {
        let text = try String(contentsOfFile: real.node.configurationPath, encoding: .utf8)
        let changed = text.replacingOccurrences(of: line, with: other)
        #expect(changed != text, "\(line)")
        let path = "\(real.scratch.path)/other.yaml"
        try changed.write(toFile: path, atomically: true, encoding: .utf8)
        return path
    }

    /// A node that has served and stopped.
    private static func withServed(_ body: (RealNode) async throws -> Void) async throws {
        try await RealNode.with { real in
            try await real.node.start()
            let client = try real.node.makeClient()
            var event = Meridian_V1_Interaction()
            event.kind = .click
            event.contentID = "c"
            _ = try await client.report([event], of: "user-1")
            await client.close()
            try await real.node.stop()
            try await body(real)
        }
    }

    @Test func aCheckSaysThatAStartWouldBeTheFirstAndMakesNothing() async throws {
        try await RealNode.with { real in
            let path = try Self.configuration(real, "\(real.node.directory)/data", "\(real.node.directory)/unmounted")
            let check = try await CommandRun.run([BuiltExecutables.meridiand, "--config", path, "--check"])
            #expect(check.end == .exited(0), "\(check.output)")
            #expect(
                check.output.contains("first start: \(real.node.directory)/unmounted is not there"), "\(check.output)")
            #expect(!FileManager.default.fileExists(atPath: "\(real.node.directory)/unmounted"))
        }
    }

    @Test("A4: other partitions, deployment, region number or name: exit 4, both values named, nothing changed")
    func anotherIdentityIsRefused() async throws {
        try await Self.withServed { real in
            let before = try Self.listing(real.node.journalPath)
            let cases = [
                ("partitions: 64", "partitions: 128", "deployment.partitions 64 here, 128"),
                ("id: quickstart", "id: another", "deployment.id quickstart here, another"),
                ("number: 1", "number: 2", "region.number 1 here, 2"),
                ("name: local", "name: elsewhere", "region.name local here, elsewhere"),
            ]
            for (line, other, words) in cases {
                let path = try Self.configuration(real, line, other)
                let run = try await CommandRun.run([BuiltExecutables.meridiand, "--config", path])
                #expect(run.end == .exited(4), "\(other): \(run.output)")
                #expect(run.output.contains(words) && run.output.contains("next:"), "\(other): \(run.output)")
                let check = try await CommandRun.run([BuiltExecutables.meridiand, "--config", path, "--check"])
                #expect(check.end == .exited(4), "\(other): \(check.output)")
                #expect(check.output.contains(words) && check.output.contains("next:"), "\(other): \(check.output)")
                #expect(try Self.listing(real.node.journalPath) == before, "\(other)")
            }
            // Its own configuration is let in, and knows what it knew.
            let check = try await CommandRun.run(
                [BuiltExecutables.meridiand, "--config", real.node.configurationPath, "--check"])
            #expect(check.end == .exited(0) && check.output.isEmpty, "\(check.output)")
            try await real.node.start()
        }
    }

    @Test("FAULTS 3.3: a foreign directory, and one whose parent is gone: exit 4, one sentence, nothing changed")
    func unusableDirectories() async throws {
        try await RealNode.with { real in
            let path = try Self.configuration(real, "\(real.scratch.path)/data", "\(real.scratch.path)/gone/data")
            var run = try await CommandRun.run([BuiltExecutables.meridiand, "--config", path])
            #expect(run.end == .exited(4) && run.output.contains("no data directory"), "\(run.output)")
            #expect(!FileManager.default.fileExists(atPath: "\(real.scratch.path)/gone"))
            try "x".write(toFile: "\(real.node.journalPath)/photo.jpg", atomically: true, encoding: .utf8)
            let before = try Self.listing(real.node.journalPath)
            run = try await CommandRun.run([BuiltExecutables.meridiand, "--config", real.node.configurationPath])
            #expect(run.end == .exited(4) && run.output.contains("photo.jpg"), "\(run.output)")
            #expect(try Self.listing(real.node.journalPath) == before)
        }
    }

    private static let readOnly = "mount --bind \"$0\" \"$0\" && mount -o remount,bind,ro \"$0\""

    private static func onReadOnlyMount(_ path: String, _ arguments: [String]) async throws -> CommandRun {
        try await CommandRun.run(MountNamespace.launcher(readOnly, at: path) + arguments)
    }

    @Test(
        "C22: log verify, stats, dump and digest read a read-only mount; a node on it is refused",
        .enabled(if: MountNamespace.isAllowed, Comment(rawValue: MountNamespace.absence)))
    func readOnlyMount() async throws {
        try await Self.withServed { real in
            let path = real.node.journalPath
            // As on a backup that was made without it.
            try FileManager.default.removeItem(atPath: "\(path)/lock")
            let before = try Self.listing(path)
            let commands = [
                ["log", "verify", path], ["log", "stats", path], ["log", "dump", path], ["digest", "--log", path],
            ]
            for command in commands {
                let run = try await Self.onReadOnlyMount(path, [BuiltExecutables.meridian] + command)
                #expect(run.end == .exited(0), "\(command): \(run.output)")
            }
            let verified = try await Self.onReadOnlyMount(
                path, [BuiltExecutables.meridian, "log", "verify", path, "--json"])
            #expect(verified.output.contains("\"deployment\":\"quickstart\""), "\(verified.output)")
            let node = try await Self.onReadOnlyMount(
                path, [BuiltExecutables.meridiand, "--config", real.node.configurationPath])
            #expect(node.end == .exited(4) && node.output.contains("cannot be written"), "\(node.output)")
            #expect(try Self.listing(path) == before)
        }
    }

    @Test("C22: a directory deleted under a live node raises an alarm, and writes are refused instead of acknowledged")
    func deletedUnderANode() async throws {
        try await RealNode.with { real in
            try await real.node.start()
            let client = try real.node.makeClient()
            let once = CallOptions(timeout: .seconds(5), retry: .never)
            try FileManager.default.removeItem(atPath: real.node.journalPath)
            var event = Meridian_V1_Interaction()
            event.kind = .click
            event.contentID = "c"
            // Within one look; a busy machine may take longer to look.
            let deadline = real.environment.clock.bootTime().advanced(by: .seconds(60))
            var refusal: MeridianClientError?
            while refusal == nil, real.environment.clock.bootTime() < deadline {
                do throws(MeridianClientError) {
                    _ = try await client.report([event], of: "user-1", options: once)
                    try? await real.environment.clock.sleep(for: .milliseconds(100))  // the loop looks at the time
                } catch {
                    refusal = error
                }
            }
            #expect(refusal?.reason == "LOG_FENCED", "\(String(describing: refusal))")
            var alarms: [String] = []
            while !alarms.contains("directory_lost"), real.environment.clock.bootTime() < deadline {
                alarms = try await client.status(options: once).alarms.map(\.name)
                try await real.environment.clock.sleep(for: .milliseconds(100))
            }
            #expect(alarms.contains("directory_lost"), "\(alarms): \(real.node.outputTail())")
            await client.close()
        }
    }
}
