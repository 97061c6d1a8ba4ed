// Two regions as real processes: both trim, one loses its directory, and comes back from the other's snapshots (S5).

import ClusterModel
import Foundation
import MeridianClient
import MeridianProtocol
import NodeEnvironment
import Testing

@testable import OperatorCommands

@Suite(.serialized, .enabled(if: BuiltExecutables.areThere, Comment(rawValue: BuiltExecutables.absence)))
struct BootstrapTests {
    /// Segments go soon: whatever they wait for comes within seconds, and each start begins one.
    private static let extra = """

          segment_bytes: 9437184
          retention_bytes: 67108864
          retention_seconds: 3600
        limits: {snapshot_interval_seconds: 1}
        events: {id_max_age_seconds: 1, id_max_future_ms: 100}
        clock: {max_drift_ms: 20, time_mark_interval_ms: 200}
        mirror: {bootstrap_bytes_per_second: 1048576}

        """
    /// Segments of one start each that a journal keeps.
    private static let starts = 10
    private static let patience: Duration = .seconds(60)

    @Test("S5: after rm -rf of its directory a region comes back from snapshots, and all show one digest")
    func aRemovedDirectoryComesBack() async throws {
        try await HostRuntime.run { environment in
            let scratch = try ScratchDirectory("meridian-test")
            defer { scratch.remove() }
            let fleet = try RegionFleet(
                regions: 2, binary: BuiltExecutables.meridiand, scratch: scratch, environment: environment)
            for node in fleet.nodes { try Self.configure(node, environment) }
            let operators = try FleetOperator(fleet, environment: environment)
            do {
                try await Self.play(fleet, operators, environment)
            } catch {
                await operators.close()
                await fleet.end()
                throw error
            }
            await operators.close()
            await fleet.end()
        }
    }

    private static func configure(_ node: NodeProcess, _ environment: NodeEnvironment) throws {
        let file = try environment.files.open(node.configurationPath, .createOrReplace)
        defer { file.close() }
        try file.write(Array((node.settings.yaml(directory: node.directory) + extra).utf8), at: 0)
    }

    private static func play(
        _ fleet: RegionFleet, _ operators: FleetOperator, _ environment: NodeEnvironment
    ) async throws {
        try await fleet.start()
        let clients = try fleet.makePinnedClients()
        for start in 0..<starts {
            for region in fleet.indices {
                try await report(clients[region], 40, of: "user-\(start)")
                if start > 0 {
                    try await fleet.nodes[region].kill()
                    try await fleet.nodes[region].start()
                }
            }
            #expect(try await operators.converge().isOver)
        }
        for region in fleet.indices {
            let isTrimmed = try await wait(environment) {
                // Their own writes move the snapshots behind which segments go.
                try await report(clients[region], 5, of: "mover")
                return try await fleet.nodes[region].makeOnce {
                    let logs = try await $0.logStats().logs
                    // What is settled leaves whole; of what is not a prefix goes.
                    let lines = Set(logs.map { [$0.region, $0.topic, $0.partition] })
                    return lines.count == logs.count || logs.contains { $0.baseOffset > 0 }
                }
            }
            #expect(isTrimmed, "region \(region)")
        }
        try await fleet.nodes[0].kill()
        try DirectoryCopy.delete(fleet.nodes[0].journalPath)
        try await fleet.nodes[0].start()
        try await report(clients[0], 40, of: "meanwhile")
        #expect(try await operators.converge().isOver)
        #expect(fleet.nodes[0].outputTail(lines: 4_000).contains("bootstrapped"))
        for client in clients { await client.close() }
    }

    private static func report(_ client: MeridianClient, _ count: Int, of user: String) async throws {
        for number in 0..<count {
            var event = Meridian_V1_Interaction()
            event.kind = .click
            event.contentID = "content-\(number)"
            event.id = client.makeEventID()
            _ = try await client.report([event], of: user)
        }
    }

    private static func wait(_ environment: NodeEnvironment, until isMet: () async throws -> Bool) async throws -> Bool
    {
        let deadline = environment.clock.bootTime().advanced(by: patience)
        while environment.clock.bootTime() < deadline {
            if try await isMet() { return true }
            try await environment.clock.sleep(for: .milliseconds(500))
        }
        return false
    }
}

extension NodeProcess {
    /// What one call of a client of its own comes to.
    fileprivate nonisolated func makeOnce<Value>(_ body: (MeridianClient) async throws -> Value) async throws -> Value {
        let client = try makeClient()
        do {
            let value = try await body(client)
            await client.close()
            return value
        } catch {
            await client.close()
            throw error
        }
    }
}
