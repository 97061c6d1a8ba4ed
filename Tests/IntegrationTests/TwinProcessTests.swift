// HISTORIES 34 with real processes: a copy of a running disk is started beside the region that it was taken from.

import Foundation
import MeridianClient
import MeridianProtocol
import NodeEnvironment
import Testing

@testable import OperatorCommands

@Suite(.serialized, .enabled(if: BuiltExecutables.areThere, Comment(rawValue: BuiltExecutables.absence)))
struct TwinProcessTests {
    private static func withFleet(_ body: (RegionFleet, ScratchDirectory) async throws -> Void) async throws {
        try await HostRuntime.run { environment in
            let scratch = try ScratchDirectory("meridian-test")
            defer { scratch.remove() }
            let fleet = try RegionFleet(
                regions: 2, binary: BuiltExecutables.meridiand, scratch: scratch, environment: environment)
            do {
                try await fleet.start()
                try await body(fleet, scratch)
                await fleet.end()
            } catch {
                await fleet.end()
                throw error
            }
        }
    }

    /// One event that the other region has to hold before it is answered.
    private static func report(_ fleet: RegionFleet) async throws {
        let client = try fleet.makePinnedClient(0)
        var request = Meridian_V1_ReportRequest()
        request.userID = "u"
        var event = Meridian_V1_Interaction()
        event.id = client.makeEventID()
        event.kind = .click
        event.contentID = "c1"
        request.events = [event]
        request.durability.level = .remote
        request.durability.regions = 1
        do {
            let reply = try await client.call(.report, request, options: CallOptions(timeout: .seconds(20)))
            #expect(reply.results.first?.outcome == .applied)
            await client.close()
        } catch {
            await client.close()
            throw error
        }
    }

    private static func twinConfiguration(
        of node: NodeProcess, in directory: String, _ ports: [Int]
    ) throws -> String {
        var settings = node.settings
        settings.api = .loopback(ports[0])
        settings.admin = .loopback(ports[1])
        settings.mesh = .loopback(ports[2])
        let path = "\(directory)/node.yaml"
        try Data(settings.yaml(directory: directory).utf8).write(to: URL(filePath: path))
        return path
    }

    @Test("HISTORIES 34, S1: a process on a copy of a running disk ends with the reason, and the region's log flows on")
    func row34() async throws {
        try await Self.withFleet { fleet, scratch in
            for _ in 0..<3 { try await Self.report(fleet) }
            let directory = try scratch.makeSubdirectory("twin")
            try FileManager.default.copyItem(atPath: fleet.nodes[0].journalPath, toPath: "\(directory)/data")
            let path = try Self.twinConfiguration(
                of: fleet.nodes[0], in: directory, try LoopbackPorts.free(3))
            let twin = try await CommandRun.run([BuiltExecutables.meridiand, "--config", path])
            #expect(twin.end == .exited(4), "\(twin.output)")
            #expect(twin.output.contains("another process is this region"), "\(twin.output)")
            #expect(!twin.output.contains("ready"), "\(twin.output)")
            for _ in 0..<3 { try await Self.report(fleet) }
            // A restart of the region itself is let in.
            try await fleet.nodes[0].kill()
            try await fleet.nodes[0].start()
            try await Self.report(fleet)
        }
    }
}
