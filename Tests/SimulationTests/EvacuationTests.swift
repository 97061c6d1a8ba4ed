// Two whole nodes: users are not sent to a region that has no room for them, and what an operator did against that is known
// after a restart (FAULTS 1.38).

import ClusterModel
import Logging
import MeridianClient
import MeridianNode
import MeridianProtocol
import NodeEnvironment
import SimulatedEnvironment
import Testing

@Suite struct EvacuationTests {
    private let simulation = Simulation(seed: 38)

    private static func yaml(_ number: Int, users: Int) -> String {
        let other = 3 - number
        return """
            deployment: {id: shop, partitions: 2}
            region: {name: r\(number), number: \(number)}
            node: {name: n1}
            peers: [{region: r\(other), number: \(other), endpoints: ["r\(other):7412"]}]
            listen: {api: "r\(number):7411", mesh: "r\(number):7412", admin: "127.0.0.1:\(7412 + number)"}
            tls: {ca: sim-ca, certificate: "sim:meridian://shop/r\(number)/n1", key: sim-key}
            access: [{identities: ["meridian://shop/client/*"], roles: [app, operator, auditor]}]
            log: {directory: data, segment_bytes: 9437184}
            limits: {users: \(users)}

            """
    }

    private func start(_ number: Int, users: Int) throws {
        let configuration = try NodeConfiguration(yaml: Self.yaml(number, users: users), file: "r\(number).yaml")
        simulation.machine("r\(number)").start { environment in
            try await MeridianNode(
                configuration, environment: environment,
                logger: Logger(label: "simulated") { _ in SwiftLogNoOpLogHandler() }
            ).run()
        }
    }

    private func client() throws -> MeridianClient {
        let identity = SimulatedHandshake.identity(uri: "meridian://shop/client/ann")
        let region = try #require(
            RegionEndpoints([Endpoint(host: "r1", port: 7_411)], security: .mutualTLS(identity)))
        return try MeridianClient(region: region, environment: simulation.machine("phones").environment)
    }

    /// Region 1's status once it serves and mirrors.
    private static func connected(
        _ client: MeridianClient, _ clock: any NodeClock
    ) async throws -> Meridian_V1_StatusReply {
        while true {
            // A node that does not serve yet is asked again.
            if let status = try? await client.status(), status.state == .active,
                status.mirrors.first?.state == .connected
            {
                return status
            }
            try await clock.sleep(for: .milliseconds(50))
        }
    }

    @Test func usersAreNotSentWhereThereIsNoRoomAndForceIsRememberedOverARestart() throws {
        try start(1, users: 1_000)
        try start(2, users: 2)
        let (client, clock) = (try client(), simulation.machine("phones").environment.clock)
        try simulation.drive {
            _ = try await Self.connected(client, clock)
            for user in 0..<3 {
                var event = Meridian_V1_Interaction()
                (event.kind, event.contentID) = (.click, "story")
                _ = try await client.report([event], of: "user-\(user)")
            }
            var request = Meridian_V1_EvacuateRequest()
            let refusal = try #require(await Self.refusal(client, request))
            #expect(refusal.reason == "NO_REGION_HAS_ROOM")
            #expect(refusal.message.contains("region r2: it may hold 2 users, and there are 3"), "\(refusal)")
            #expect(try await client.status().state == .active)
            request.force = true
            #expect(try await client.call(.evacuate, request, options: CallOptions()).state == .evacuated)
            #expect(try await client.status().operatorEvents.count == 1)
        }
        simulation.machine("r1").kill()
        simulation.machine("r1").restart()
        try start(1, users: 1_000)
        try simulation.drive {
            let status = try await Self.connected(client, clock)
            let event = try #require(status.operatorEvents.first)
            #expect(status.operatorEvents.count == 1 && event.act == "forced_evacuation")
            #expect(event.caller == "meridian://shop/client/ann" && event.reason.contains("it may hold 2 users"))
            await client.close()
        }
    }

    private static func refusal(
        _ client: MeridianClient, _ request: Meridian_V1_EvacuateRequest
    ) async -> MeridianClientError? {
        do throws(MeridianClientError) {
            _ = try await client.call(.evacuate, request, options: CallOptions())
            return nil
        } catch {
            return error
        }
    }
}
