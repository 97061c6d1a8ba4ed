// A real region whose disk rots while it is down: its start is refused, `meridian log repair` heals it from the other one.

import Foundation
import HostEnvironment
import MeridianProtocol
import NodeEnvironment
import Testing

@testable import OperatorCommands

@Suite(.serialized, .enabled(if: BuiltExecutables.areThere, Comment(rawValue: BuiltExecutables.absence)))
struct LogRepairTests {
    /// Two regions that serve; both are gone afterwards.
    private static func withFleet(_ body: (RegionFleet) async throws -> Void) async throws {
        try await HostRuntime.run { environment in
            let scratch = try ScratchDirectory("meridian-test")
            defer { scratch.remove() }
            let fleet = try RegionFleet(
                regions: 2, binary: BuiltExecutables.meridiand, scratch: scratch, environment: environment)
            do {
                try await fleet.start()
                try await body(fleet)
                await fleet.end()
            } catch {
                await fleet.end()
                throw error
            }
        }
    }

    private static func connection(_ node: NodeProcess) -> [String] {
        guard let client = node.settings.tls?.client else { return [] }
        return [
            "--endpoint", "\(node.endpoint)", "--ca", client.authorityPath, "--certificate", client.certificatePath,
            "--key", client.keyPath,
        ]
    }

    private static func publish(_ count: Int, in fleet: RegionFleet, at node: NodeProcess) async throws {
        let publisher = fleet.application
        let link = [
            "--endpoint", "\(node.endpoint)", "--ca", publisher.authorityPath, "--certificate",
            publisher.certificatePath, "--key", publisher.keyPath,
        ]
        for number in 0..<count {
            let run = try await CommandRun.meridian(
                ["publish", "c\(number)", "--title", "Title \(number)", "--json"] + link)
            #expect(run.end == .exited(0), "\(run.output)")
        }
    }

    private static func segment(_ node: NodeProcess) throws -> URL {
        let names = try FileManager.default.contentsOfDirectory(atPath: node.journalPath).sorted()
        return URL(filePath: "\(node.journalPath)/\(try #require(names.first { $0.hasSuffix(".segment") }))")
    }

    /// Flips a bit in each of three batches. In a frame or in padding this disk would heal it by itself, and where groups
    /// stand depends on when the node wrote its time marks: a place is found by what was published.
    private static func damage(_ segment: URL) throws {
        let written = try Data(contentsOf: segment)
        let handle = try FileHandle(forUpdating: segment)
        defer { try? handle.close() }  // closed with the handle's end anyway
        for number in [0, 2, 5] {
            let place = try #require(written.range(of: Data("Title \(number)".utf8))).lowerBound
            try handle.seek(toOffset: UInt64(place))
            try handle.write(contentsOf: [written[place] ^ 0x10])
        }
    }

    /// Frames and batches of several groups: what stood there is known from what each log lacks.
    @Test("S7, FAULTS 7: a stretch of which nothing can be read comes back from the other region")
    func healsAStretchThatNamesNoBatch() async throws {
        try await Self.withFleet { fleet in
            let node = fleet.nodes[0]
            try await Self.publish(6, in: fleet, at: node)
            try await Self.publish(6, in: fleet, at: fleet.nodes[1])
            let away = try await CommandRun.meridian(["region", "evacuate", "--json"] + Self.connection(node))
            #expect(away.end == .exited(0), "\(away.output)")
            // Every log goes on behind the stretch, with its mark of time.
            try await HostClock().sleep(for: .seconds(6))
            try await node.kill()
            let segment = try Self.segment(node)
            let written = try Data(contentsOf: segment)
            let place = try #require(written.range(of: Data("Title 3".utf8))).lowerBound / 512 * 512
            let handle = try FileHandle(forUpdating: segment)
            try handle.seek(toOffset: UInt64(place - 512))
            try handle.write(contentsOf: Data(count: 12 << 10))
            try handle.close()
            let verified = try await CommandRun.meridian(["log", "verify", node.journalPath])
            #expect(verified.end == .exited(1), "\(verified.output)")
            #expect(verified.output.split(separator: "\n").count < DamageLines.limit + 8, "\(verified.output)")
            let folded = try await CommandRun.meridian(["digest", "--log", node.journalPath])
            #expect(folded.end == .exited(1) && folded.output.contains("does not verify"), "\(folded.output)")
            let mended = try await CommandRun.meridian(["log", "repair", "--config", node.configurationPath])
            #expect(mended.end == .exited(0), "\(mended.output)")
            try await node.start()
            let digests = try await CommandRun.meridian(["digest", "--json"] + Self.connection(node))
            #expect(digests.end == .exited(0), "\(digests.output)")
        }
    }

    /// kill -STOP: it neither answers nor goes away. Its asker is told which region it is, and nobody waits behind.
    @Test("a region that stands still is named, and holds up no other operator's call")
    func aFrozenRegionIsNamed() async throws {
        try await Self.withFleet { fleet in
            let node = fleet.nodes[0]
            await fleet.nodes[1].freeze()
            let digest = try await CommandRun.meridian(["digest"] + Self.connection(node))
            #expect(digest.end == .exited(3), "\(digest.output)")
            #expect(digest.output.contains(fleet.name(of: 1)), "\(digest.output)")
            try await withThrowingTaskGroup(of: Void.self) { group in
                for _ in 0..<6 {
                    group.addTask { _ = try await CommandRun.meridian(["digest"] + Self.connection(node)) }
                }
                for command in [["status"], ["digest", "--only-here"], ["log", "stats"]] {
                    let run = try await CommandRun.meridian(command + Self.connection(node) + ["--timeout", "5"])
                    #expect(run.end == .exited(0), "\(command): \(run.output)")
                }
                try await group.waitForAll()
            }
            await fleet.nodes[1].thaw()
        }
    }

    @Test("S7, FAULTS 6: a refused start names the command, which heals the journal from the other region")
    func healsFromTheOtherRegion() async throws {
        try await Self.withFleet { fleet in
            let node = fleet.nodes[0]
            try await Self.publish(6, in: fleet, at: node)
            try await Self.publish(6, in: fleet, at: fleet.nodes[1])
            let away = try await CommandRun.meridian(["region", "evacuate", "--json"] + Self.connection(node))
            #expect(away.end == .exited(0), "\(away.output)")
            try await node.kill()
            let segment = try Self.segment(node)
            let sound = try Data(contentsOf: segment)
            try Self.damage(segment)
            await #expect { try await node.start() } throws: { "\($0)".contains("meridian log repair") }
            let looked = try await CommandRun.meridian(["log", "repair", node.journalPath])
            #expect(looked.end == .exited(1) && looked.output.contains("CORRUPT"), "\(looked.output)")
            #expect(looked.output.contains("--config"), "\(looked.output)")
            let wrong = try await CommandRun.meridian(
                ["log", "repair", "--config", node.configurationPath, "--from", "127.0.0.1:1"])
            #expect(wrong.end == .exited(1), "\(wrong.output)")
            let mended = try await CommandRun.meridian(["log", "repair", "--config", node.configurationPath, "--json"])
            #expect(mended.end == .exited(0), "\(mended.output)")
            #expect(mended.lastLine.contains("\"whole\":true"), "\(mended.output)")
            #expect(try Data(contentsOf: segment) == sound)
            let verified = try await CommandRun.meridian(["log", "verify", node.journalPath])
            #expect(verified.end == .exited(0), "\(verified.output)")
            let dumped = try await CommandRun.meridian(["log", "dump", node.journalPath, "--records", "--json"])
            #expect(dumped.end == .exited(0) && dumped.output.contains("\"record\""), "\(dumped.output)")
            try await node.start()
            let running = try await CommandRun.meridian(["log", "verify"] + Self.connection(node))
            #expect(running.end == .exited(0), "\(running.output)")
            let refused = try await CommandRun.meridian(["log", "repair", node.journalPath])
            #expect(refused.end == .exited(4), "\(refused.output)")
            let digests = try await CommandRun.meridian(["digest", "--json"] + Self.connection(node))
            #expect(digests.end == .exited(0), "\(digests.output)")
        }
    }
}
