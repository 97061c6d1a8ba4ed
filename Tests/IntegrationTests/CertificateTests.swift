// A6 over real TLS: whose certificates each port takes, and to whom a node and a command speak.

import ClusterModel
import GRPCFraming
import HostEnvironment
import NIOCore
import NodeEnvironment
import RPCTransport
import Synchronization
import Testing

@testable import OperatorCommands

/// One authority that signs for several deployments, as a firm's own does.
private struct SharedAuthority {
    let directory: String

    init(_ scratch: ScratchDirectory) throws { directory = try scratch.makeSubdirectory("shared") }

    /// A node's certificate has hosts, a client's has none.
    func identity(_ uri: String, isNode: Bool = false) throws -> TLSIdentity {
        let store = CertificateDirectory(path: directory, files: HostFileStore())
        // Without a deployment of its own, as one that was made elsewhere.
        if !HostFileStore().exists(store.authorityPath) {
            let made = try CertificateAuthority(name: "a firm's own", days: 1)
            _ = try store.create("ca.key", made.keyPEM())
            _ = try store.create("ca.pem", made.certificatePEM())
        }
        let stem = uri.replacing("meridian://", with: "").replacing("/", with: "_") + (isNode ? "-node" : "")
        if !HostFileStore().exists("\(directory)/\(stem).pem") {
            let issued = try store.authority(deployment: "quickstart").issue(
                .init(commonName: "x", uri: uri, hosts: isNode ? ["127.0.0.1"] : []), days: 1)
            _ = try store.create(stem, issued)
        }
        return TLSIdentity(
            authorityPath: store.authorityPath, certificatePath: "\(directory)/\(stem).pem",
            keyPath: "\(directory)/\(stem).key")
    }

    func node() throws -> NodeTLS {
        NodeTLS(
            node: try identity("meridian://quickstart/local/node-1", isNode: true),
            client: try identity("meridian://quickstart/client/operator"))
    }
}

/// Stands where a peer region is expected; counts what it is asked.
private final class CountingPeer: CallHandler {
    let methods = [
        "/meridian.mesh.v1.Mirror/Greet", "/meridian.mesh.v1.Mirror/Pull", "/meridian.mesh.v1.Actors/Invoke",
    ]
    let streamingMethods = ["/meridian.mesh.v1.Mirror/Claim"]
    let asked = Mutex(0)

    func handle(_ call: UnaryCall) {
        asked.withLock { $0 += 1 }
        call.fail(RPCStatus(.unavailable, "a peer that says nothing"))
    }
}

@Suite(
    .serialized, .timeLimit(.minutes(3)),
    .enabled(if: BuiltExecutables.areThere, Comment(rawValue: BuiltExecutables.absence)))
struct CertificateTests {
    private static func ask(
        _ real: RealNode, _ path: String, _ security: LinkSecurity, at endpoint: Endpoint
    ) async throws -> RPCStatus {
        let channel = try real.environment.links.channel(to: endpoint, security: security)
        do throws(RPCStatus) {
            _ = try await channel.unary(
                path: path, message: ByteBuffer(), metadata: CallMetadata(),
                deadline: real.environment.clock.bootTime().advanced(by: .seconds(20)))
        } catch {
            await channel.close()
            return error
        }
        await channel.close()
        return RPCStatus(.ok, "")
    }

    @Test func theAPIPortTakesItsDeploymentsCertificatesOnly() async throws {
        let scratch = try ScratchDirectory("meridian-certificates")
        defer { scratch.remove() }
        let authority = try SharedAuthority(scratch)
        let tls = try authority.node()
        try await RealNode.with(tls: { _ in tls }) { real in
            try await real.node.start()
            func ask(_ path: String, _ security: LinkSecurity) async throws -> RPCStatus {
                try await Self.ask(real, path, security, at: real.node.endpoint)
            }
            let health = "/grpc.health.v1.Health/Check"
            #expect(try await ask(health, .mutualTLS(tls.client)).code == .ok)
            for uri in [
                "meridian://other/client/operator", "meridian://quickstart2/client/operator",
                "meridian://other/local/node-1",
            ] {
                let status = try await ask(health, .mutualTLS(try authority.identity(uri, isNode: true)))
                #expect(status.code == .unavailable && status.message.contains("TLS"), "\(uri): \(status)")
            }
            // A node's certificate is of the deployment, and no rule names it.
            let node = LinkSecurity.mutualTLS(tls.node)
            #expect(try await ask("/meridian.v1.OperatorService/Status", node).code == .permissionDenied)
            #expect(try await ask(health, node).code == .ok)
            let anonymous = try await ask(health, .serverTLS(tls.client))
            #expect(anonymous.code == .unavailable, "\(anonymous)")
            #expect(try await ask(health, .plaintext).code == .unavailable)
            // The other direction: who dials expects a node of its region.
            let other = LinkSecurity.mutualTLS(tls.client).expecting(.node(of: ["elsewhere"], in: "quickstart"))
            let refused = try await ask(health, other)
            #expect(refused.message.contains("another identity"), "\(refused)")
        }
    }

    /// The dialling region: with a client's, another region's or another deployment's certificate of its own authority a
    /// process at a peer's endpoint hears nothing.
    @Test(arguments: [
        ("meridian://quickstart/far/n1", true), ("meridian://quickstart/third/n1", false),
        ("meridian://other/far/n1", false), ("meridian://quickstart/client/app", false),
    ])
    func theDiallingRegionSpeaksToItsPeerOnly(uri: String, isPeer: Bool) async throws {
        try await HostRuntime.run { environment in
            let scratch = try ScratchDirectory("meridian-dial")
            defer { scratch.remove() }
            _ = try scratch.makeSubdirectory("data")
            let authority = try SharedAuthority(scratch)
            let peer = CountingPeer()
            let listener = try await environment.links.listen(
                on: .loopback(0), security: .mutualTLS(try authority.identity(uri, isNode: true)), handler: peer)
            let ports = try LoopbackPorts.free(3)
            var settings = NodeSettings(api: .loopback(ports[0]), admin: .loopback(ports[1]))
            settings.mesh = .loopback(ports[2])
            settings.peers = [NodeSettings.Peer(region: "far", number: 2, mesh: listener.endpoint)]
            settings.tls = try authority.node()
            let node = try NodeProcess(
                binary: BuiltExecutables.meridiand, directory: scratch.path, settings: settings,
                environment: environment)
            do {
                // Where nothing disciplines this machine's clock the start waits for a peer: it is asked all the same.
                async let start: Void = node.start()
                let name = "handshakes_failed"
                while peer.asked.withLock({ $0 }) == 0, (listener.counts.first { $0.name == name }?.value ?? 0) < 3 {
                    try await environment.clock.sleep(for: .milliseconds(10))
                }
                #expect((peer.asked.withLock { $0 } > 0) == isPeer, "\(uri)")
                try await Self.expectMeshRefuses(authority, node, environment)
                await node.end()
                _ = try? await start  // ended in the middle, or served
            } catch {
                await node.end()
                await listener.shutDown(by: environment.clock.bootTime())
                throw error
            }
            await node.end()
            await listener.shutDown(by: environment.clock.bootTime())
        }
    }

    /// The same node's own mesh port.
    private static func expectMeshRefuses(
        _ authority: SharedAuthority, _ node: NodeProcess, _ environment: NodeEnvironment
    ) async throws {
        let endpoint = try #require(node.settings.mesh)
        for (uri, code) in [
            ("meridian://quickstart/client/operator", RPCStatusCode.permissionDenied),
            ("meridian://quickstart/local/node-1", .permissionDenied),
            ("meridian://quickstart/third/n1", .permissionDenied), ("meridian://other/far/n1", .unavailable),
        ] {
            let security = LinkSecurity.mutualTLS(try authority.identity(uri, isNode: true))
            let channel = try environment.links.channel(to: endpoint, security: security)
            let failure = await #expect(throws: RPCStatus.self) {
                try await channel.unary(
                    path: "/meridian.mesh.v1.Mirror/Pull", message: ByteBuffer(), metadata: CallMetadata(),
                    deadline: environment.clock.bootTime().advanced(by: .seconds(20)))
            }
            #expect(failure?.code == code, "\(uri): \(failure as Any)")
            await channel.close()
        }
    }

    /// The rules are read again at a hangup; a file with a slip in it changes nothing and says so.
    @Test func accessRulesAreReloadedAtAHangup() async throws {
        try await RealNode.with(tls: TestCertificates.make) { real in
            try await real.node.start()
            let app = try TestCertificates.application(real.scratch)
            func status() async throws -> CommandRun {
                try await CommandRun.meridian(["status", "--endpoint", "\(real.node.endpoint)"] + app)
            }
            let refused = try await status()
            #expect(refused.end == .exited(4), "\(refused.output)")
            #expect(refused.output.contains("OperatorService/Status needs operator or auditor"), "\(refused.output)")
            let path = real.node.configurationPath
            let before = try Self.text(path, real.environment.files)
            try Self.write(before.replacing("roles: [app,", with: "roles: [auditor, app,"), to: path, real)
            try await NodeTransportTests.reload(real, until: "certificates reloaded", "access rules reloaded")
            let allowed = try await status()
            #expect(allowed.end == .exited(0), "\(allowed.output)")
            try Self.write(before.replacing("roles: [app,", with: "roles: [ap,"), to: path, real)
            try await NodeTransportTests.reload(real, until: "access rules not reloaded", "ap is none of")
            let still = try await status()
            #expect(still.end == .exited(0), "\(still.output)")
            #expect(real.node.outputTail(lines: 40).contains("call refused by the access rules"))
        }
    }

    private static func text(_ path: String, _ files: any FileStore) throws -> String {
        let file = try files.open(path, .read)
        defer { file.close() }
        return String(decoding: try file.read(at: 0, count: 1 << 16), as: UTF8.self)
    }

    private static func write(_ text: String, to path: String, _ real: RealNode) throws {
        let file = try real.environment.files.open(path, .createOrReplace)
        defer { file.close() }
        try file.write(Array(text.utf8), at: 0)
    }
}
