// A whole simulated node with certificates and rules, and callers of every kind who ask for every method.

import ClusterModel
import GRPCFraming
import Logging
import MeridianNode
import MeridianProtocol
import NIOCore
import NodeEnvironment
import ServingAPI
import SimulatedEnvironment
import Synchronization

/// One node of region aws of the deployment shop, with a rule for each role.
struct AccessStage: Sendable {
    static let api = Endpoint(host: "aws", port: 7_411)
    static let mesh = Endpoint(host: "aws", port: 7_412)
    static let peer = Endpoint(host: "gcp", port: 7_412)
    private static let limit: Duration = .seconds(30)

    let simulation: Simulation

    init(seed: UInt64) { simulation = Simulation(seed: seed) }

    private static func yaml(hasPeer: Bool, share: Int) -> String {
        let consumer = "groups: [\"search-*\"], topics: [interactions]"
        let rules = AccessRole.allCases.map { role in
            "{identities: [\"meridian://shop/client/\(role.rawValue)*\"], roles: [\(role.rawValue)]"
                + (role == .consumer ? ", \(consumer)}" : "}")
        }
        let peers = "peers: [{region: gcp, number: 2, endpoints: [\"\(peer)\"]}]\n"
        return """
            deployment: {id: shop, partitions: 2}
            region: {name: aws, number: 1}
            node: {name: n1}
            \(hasPeer ? peers : "")listen: {api: "\(api)", admin: "127.0.0.1:7413"\(hasPeer ? ", mesh: \"\(mesh)\"" : "")}
            tls: {ca: sim-ca, certificate: "sim:meridian://shop/aws/n1", key: sim-key}
            access: [\(rules.joined(separator: ", "))]
            log: {directory: data, segment_bytes: 9437184}
            limits: {client_share_percent: \(share)}

            """
    }

    /// Starts the node on its machine.
    func start(hasPeer: Bool = false, share: Int = 25) throws {
        let configuration = try NodeConfiguration(
            yaml: Self.yaml(hasPeer: hasPeer, share: share), file: "access.yaml")
        simulation.machine("aws").start { environment in
            try await MeridianNode(
                configuration, environment: environment,
                logger: Logger(label: "simulated") { _ in SwiftLogNoOpLogHandler() }
            ).run()
        }
    }

    // MARK: Callers

    static func client(_ name: String) -> LinkSecurity { certificate("meridian://shop/client/\(name)") }

    static func certificate(_ uri: String, authority: String = "sim-ca") -> LinkSecurity {
        .mutualTLS(SimulatedHandshake.identity(uri: uri, authority: authority))
    }

    func channel(_ security: LinkSecurity, to endpoint: Endpoint = api) throws -> any CallChannel {
        try simulation.machine("caller").environment.links.channel(to: endpoint, security: security)
    }

    var deadline: BootInstant {
        simulation.machine("caller").environment.clock.bootTime().advanced(by: Self.limit)
    }

    /// How a call with an empty message ends; a stream that gives a message has begun, which is as good as OK.
    func ask(
        _ path: String, _ security: LinkSecurity, isStream: Bool = false, at endpoint: Endpoint = api
    ) async throws -> RPCStatus {
        let channel = try channel(security, to: endpoint)
        do throws(RPCStatus) {
            if isStream {
                let stream = try channel.stream(path: path, deadline: deadline)
                try await stream.send(ByteBuffer())
                stream.finishSending()
                _ = try await stream.next()
                stream.cancel()
            } else {
                _ = try await channel.unary(
                    path: path, message: ByteBuffer(), metadata: CallMetadata(), deadline: deadline)
            }
        } catch {
            await channel.close()
            return error
        }
        await channel.close()
        return RPCStatus(.ok, "")
    }

    /// Returns once the node serves users.
    func untilServing() async throws {
        let path = "/grpc.health.v1.Health/Check"
        let channel = try channel(Self.client("nobody"))
        let clock = simulation.machine("caller").environment.clock
        while true {
            // A node that does not listen yet is asked again.
            let reply = try? await channel.unary(
                path: path, message: ByteBuffer(), metadata: CallMetadata(), deadline: deadline)
            if let reply, try Grpc_Health_V1_HealthCheckResponse(reading: reply.message).status == .serving { break }
            try await clock.sleep(for: .milliseconds(20))
        }
        await channel.close()
    }
}

/// Stands where a peer region is expected; counts what it is asked.
final class FalsePeer: CallHandler {
    let methods = [
        "/meridian.mesh.v1.Mirror/Pull", "/meridian.mesh.v1.Mirror/Report", "/meridian.mesh.v1.Actors/Invoke",
    ]
    let streamingMethods = ["/meridian.mesh.v1.Mirror/Claim"]
    private let count = Mutex(0)

    var asked: Int { count.withLock { $0 } }

    func handle(_ call: UnaryCall) {
        count.withLock { $0 += 1 }
        call.fail(RPCStatus(.unavailable, "a peer that says nothing"))
    }

    func handle(_ call: StreamCall) {
        count.withLock { $0 += 1 }
        call.fail(RPCStatus(.unavailable, "a peer that says nothing"))
    }
}
