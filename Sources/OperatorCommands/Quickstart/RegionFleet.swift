// The regions of a quick start: a process each, on loopback, that know each other by mutual TLS only.

import ClusterModel
package import MeridianClient
package import NodeEnvironment

/// One node a region. Their files lie in one directory: certs/, keys/, and a folder a region. Whoever makes a fleet ends
/// it with `end()`.
package struct RegionFleet: Sendable {
    package static let maxRegions = 8

    /// Region `n` has the number n + 1.
    package let nodes: [NodeProcess]
    /// The users' certificate.
    package let application: TLSIdentity
    private let environment: NodeEnvironment

    /// Chooses ports and writes certificates, the shared token key and configurations; starts nothing.
    package init(
        regions: Int, binary: String, scratch: ScratchDirectory, environment: NodeEnvironment
    ) throws(OperatorFailure) {
        self.environment = environment
        let certificates = FleetCertificates(
            directory: try scratch.makeSubdirectory("certs"), files: environment.files)
        let key = try Self.writeTokenKey(in: try scratch.makeSubdirectory("keys"), environment)
        application = try certificates.client("app")
        let administrator = try certificates.client("operator")
        let ports = try LoopbackPorts.free(regions * 3)
        var nodes: [NodeProcess] = []
        for index in 0..<regions {
            let name = Self.name(index)
            var settings = NodeSettings(api: .loopback(ports[index * 3]), admin: .loopback(ports[index * 3 + 1]))
            settings.region = name
            settings.number = UInt16(index + 1)
            settings.mesh = .loopback(ports[index * 3 + 2])
            settings.peers = (0..<regions).filter { $0 != index }.map {
                NodeSettings.Peer(region: Self.name($0), number: UInt16($0 + 1), mesh: .loopback(ports[$0 * 3 + 2]))
            }
            settings.tls = NodeTLS(node: try certificates.node("node-1", of: name), client: administrator)
            settings.tokenKeyPath = key
            nodes.append(
                try NodeProcess(
                    binary: binary, directory: try scratch.makeSubdirectory(name), settings: settings,
                    environment: environment))
        }
        self.nodes = nodes
    }

    /// "aws-us", "gcp-eu", "azure-in", then "region-4"…
    package static func name(_ index: Int) -> String {
        let clouds = ["aws-us", "gcp-eu", "azure-in"]
        return index < clouds.count ? clouds[index] : "region-\(index + 1)"
    }

    package var count: Int { nodes.count }

    package var indices: Range<Int> { nodes.indices }

    package func name(of index: Int) -> String { nodes[index].settings.region }

    package func others(than index: Int) -> [Int] { indices.filter { $0 != index } }

    /// A client of users at home in region `home`, with the others to turn to.
    package func makeUserClient(home: Int) throws(OperatorFailure) -> MeridianClient {
        var regions: [RegionEndpoints] = []
        for step in indices { regions.append(try endpoints(of: (home + step) % count)) }
        return try NodeProcess.makeClient(regions, environment)
    }

    /// A client of users that knows one region only.
    package func makePinnedClient(_ region: Int) throws(OperatorFailure) -> MeridianClient {
        try NodeProcess.makeClient([try endpoints(of: region)], environment)
    }

    /// One of each region.
    package func makePinnedClients() throws(OperatorFailure) -> [MeridianClient] {
        var clients: [MeridianClient] = []
        for region in indices { clients.append(try makePinnedClient(region)) }
        return clients
    }

    private func endpoints(of index: Int) throws(OperatorFailure) -> RegionEndpoints {
        let security = LinkSecurity.mutualTLS(application)
            .expecting(.node(of: [name(of: index)], in: NodeSettings.deployment))
        guard let region = RegionEndpoints(name: name(of: index), [nodes[index].endpoint], security: security) else {
            throw OperatorFailure(.usage, "no endpoint")
        }
        return region
    }

    /// Starts all at once: a new region asks the others what they remember, so none can wait for another's start.
    package func start() async throws { try await forEach { try await $0.start() } }

    /// SIGTERM to all; returns once they have drained and ended.
    package func stop() async throws { try await forEach { try await $0.stop() } }

    /// No process is left behind, whatever happened.
    package func end() async { for node in nodes { await node.end() } }

    /// Of all processes together; nil when none runs.
    package func residentBytes() async -> UInt64? {
        var bytes: UInt64 = 0
        for node in nodes { bytes += await node.residentBytes() ?? 0 }
        return bytes == 0 ? nil : bytes
    }

    private func forEach(_ body: @escaping @Sendable (NodeProcess) async throws -> Void) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            for node in nodes { group.addTask { try await body(node) } }
            try await group.waitForAll()
        }
    }

    /// All regions need the same secret, or session tokens of one are refused by the others.
    private static func writeTokenKey(
        in directory: String, _ environment: NodeEnvironment
    ) throws(OperatorFailure) -> String {
        var writer = ByteWriter(reservingCapacity: 32)
        for _ in 0..<4 { writer.write(environment.entropy.next()) }
        return try CertificateDirectory(path: directory, files: environment.files).create("tokens-1", writer.bytes)
    }
}
