// What tools and load balancers ask a real node, and certificates that change under it.

import ClusterModel
import GRPCFraming
import Glibc
import HostEnvironment
import MeridianProtocol
import NIOCore
import NodeEnvironment
import PrometheusPage
import Testing

@testable import OperatorCommands

@Suite(
    .serialized, .timeLimit(.minutes(3)),
    .enabled(if: BuiltExecutables.areThere, Comment(rawValue: BuiltExecutables.absence)))
struct NodeTransportTests {
    private static func open(
        _ path: String, on channel: any CallChannel, _ real: RealNode
    ) throws -> ClientStream {
        try channel.stream(path: path, deadline: real.environment.clock.bootTime().advanced(by: .seconds(60)))
    }

    // MARK: Reflection and health

    @Test(arguments: ["v1", "v1alpha"]) func servicesAreListed(version: String) async throws {
        try await RealNode.with { real in
            try await real.node.start()
            let channel = try real.environment.links.channel(to: real.node.endpoint, security: .plaintext)
            let stream = try Self.open(
                "/grpc.reflection.\(version).ServerReflection/ServerReflectionInfo", on: channel, real)
            var request = Grpc_Reflection_V1_ServerReflectionRequest()
            request.listServices = "*"
            _ = try await stream.send(request.encodedBuffer())
            let message = try #require(try await stream.next())
            let answer = try Grpc_Reflection_V1_ServerReflectionResponse(reading: message)
            let names = Set(answer.listServicesResponse.service.map(\.name))
            #expect(
                names.isSuperset(of: [
                    "meridian.v1.DeliveryService", "meridian.v1.OperatorService", "grpc.health.v1.Health",
                    "grpc.reflection.v1.ServerReflection", "grpc.reflection.v1alpha.ServerReflection",
                ]), "\(names)")
            stream.finishSending()
            #expect(try await stream.next() == nil)
            await channel.close()
        }
    }

    private static func status(
        _ stream: ClientStream
    ) async throws -> Grpc_Health_V1_HealthCheckResponse.ServingStatus? {
        try await stream.next().map { try Grpc_Health_V1_HealthCheckResponse(reading: $0).status }
    }

    @Test func watchersHearThatTheNodeStops() async throws {
        try await RealNode.with { real in
            try await real.node.start()
            let channel = try real.environment.links.channel(to: real.node.endpoint, security: .plaintext)
            let node = try Self.open("/grpc.health.v1.Health/Watch", on: channel, real)
            let service = try Self.open("/grpc.health.v1.Health/Watch", on: channel, real)
            var request = Grpc_Health_V1_HealthCheckRequest()
            _ = try await node.send(request.encodedBuffer())
            request.service = "no.such.Service"
            _ = try await service.send(request.encodedBuffer())
            #expect(try await Self.status(node) == .serving)
            #expect(try await Self.status(service) == .serviceUnknown)
            async let stopped: Void = real.node.stop()
            #expect(try await Self.status(node) == .notServing)
            let end = await #expect(throws: RPCStatus.self) { try await node.next() }
            #expect(end?.code == .unavailable)
            try await stopped
            await channel.close()
        }
    }

    @Test func whatListenersSawIsOnTheMetricsPage() async throws {
        try await RealNode.with { real in
            try await real.node.start()
            let noise = try RawConnection(port: real.node.endpoint.port)
            noise.send(Array("GET / HTTP/1.1\r\nHost: x\r\n\r\n".utf8))
            #expect(noise.isClosedByPeer(withinMilliseconds: 5_000))
            noise.close()
            let page = try RawConnection(port: real.node.adminEndpoint.port)
            page.send(Array("GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".utf8))
            let text = page.text(withinMilliseconds: 5_000)
            page.close()
            #expect(text.contains("meridian_link_protocol_errors{listener=\"api\"} 1\n"), "\(text)")
            #expect(text.contains("meridian_link_connections_accepted{listener=\"api\"} "), "\(text)")
            try await real.node.stop()
        }
    }

    // MARK: The admin port

    private static func fetch(_ real: RealNode, _ request: String) throws -> String {
        let page = try RawConnection(port: real.node.adminEndpoint.port)
        defer { page.close() }
        page.send(Array("\(request) HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".utf8))
        return page.text(withinMilliseconds: 10_000)
    }

    /// C23: the page of a node at work is read whole by the rules of the format, and every family says what it is.
    @Test func theWholeMetricsPageIsWellFormed() async throws {
        try await RealNode.with(tls: TestCertificates.make) { real in
            try await real.node.start()
            _ = try await CommandRun.meridian(
                ["status", "--endpoint", "\(real.node.endpoint)"] + TestCertificates.application(real.scratch))
            let answer = try Self.fetch(real, "GET /metrics")
            let body = try #require(answer.ranges(of: "\r\n\r\n").first).upperBound
            let page = try PrometheusPage(String(answer[body...]))
            for family in page.families.values {
                #expect(family.help != nil && family.unit != nil, "\(family.name) has no row in MetricFamilies")
            }
            let denied = page.families["meridian_access_denied_total"]?.value([
                "client": "client/app", "method": "/meridian.v1.OperatorService/Status",
            ])
            #expect(denied == 1)
            #expect(page.families["meridian_log_unverified_seconds"]?.samples.count == 1)
        }
    }

    /// RFC 9110, section 9.3.2: the head of what GET would answer, and nothing behind it.
    @Test func headAsksForTheHeadOfAPage() async throws {
        try await RealNode.with { real in
            try await real.node.start()
            for (path, status) in [
                ("/healthz", 200), ("/readyz", 200), ("/statusz", 200), ("/metrics", 200), ("/x", 404),
            ] {
                let head = try Self.fetch(real, "HEAD \(path)")
                #expect(head.hasPrefix("HTTP/1.1 \(status)") && head.hasSuffix("\r\n\r\n"), "\(head)")
                let length = try #require(head.lowercased().firstMatch(of: /content-length: ([0-9]+)/)?.1)
                #expect(length != "0")
            }
            let post = try Self.fetch(real, "POST /healthz")
            #expect(post.hasPrefix("HTTP/1.1 405") && post.lowercased().contains("allow: get, head"), "\(post)")
        }
    }

    // MARK: Certificates

    private static func openssl(_ arguments: [String]) async throws {
        let run = try await CommandRun.run(["/usr/bin/openssl"] + arguments)
        #expect(run.end == .exited(0), "\(run.output)")
    }

    /// What `openssl ca` needs to make revocation lists of the test's authority. Its first list revokes nobody.
    private static func prepareLists(_ scratch: ScratchDirectory) throws -> String {
        let directory = try scratch.makeSubdirectory("lists")
        let store = CertificateDirectory(path: directory, files: HostFileStore())
        _ = try store.create("index", [])
        return try store.create(
            "configuration",
            Array(
                """
                [ca]
                default_ca = made
                [made]
                database = \(directory)/index
                default_md = sha256
                default_crl_days = 1

                """.utf8))
    }

    /// Writes the list of those that were revoked so far.
    private static func writeList(_ configuration: String, _ scratch: ScratchDirectory) async throws -> String {
        let path = "\(scratch.path)/lists/list.pem"
        let authority = "\(scratch.path)/certs/ca"
        try await openssl([
            "ca", "-config", configuration, "-cert", "\(authority).pem", "-keyfile", "\(authority).key", "-gencrl",
            "-out", path,
        ])
        return path
    }

    /// Sends SIGHUP and returns once the node has said all `words` in its last lines.
    static func reload(_ real: RealNode, until words: String...) async throws {
        let process = try #require(await real.node.identifier)
        let before = real.node.outputTail(lines: 1)
        #expect(kill(process, SIGHUP) == 0)
        let limit = real.environment.clock.bootTime().advanced(by: .seconds(20))
        while true {
            let said = real.node.outputTail(lines: 2)
            if words.allSatisfy({ said.contains($0) }), real.node.outputTail(lines: 1) != before { return }
            guard real.environment.clock.bootTime() < limit else {
                Issue.record("the node does not say \(words): \(real.node.outputTail())")
                return
            }
            try await real.environment.clock.sleep(for: .milliseconds(5))
        }
    }

    private static func ask(_ channel: any CallChannel, _ real: RealNode) async throws(RPCStatus) {
        let limit = real.environment.clock.bootTime().advanced(by: .seconds(20))
        _ = try await channel.unary(
            path: "/grpc.health.v1.Health/Check", message: ByteBuffer(), metadata: CallMetadata(), deadline: limit)
    }

    @Test(.enabled(if: HostFileStore().exists("/usr/bin/openssl"), "the openssl command is not installed"))
    func revokedClientsAreRefusedAfterAHangup() async throws {
        let scratch = try ScratchDirectory("meridian-revocation")
        defer { scratch.remove() }
        var identities = try #require(try TestCertificates.make(scratch))
        let configuration = try Self.prepareLists(scratch)
        let list = try await Self.writeList(configuration, scratch)
        identities.node.revocationPath = list
        let tls = identities
        try await RealNode.with(tls: { _ in tls }) { real in
            try await real.node.start()
            let links = real.environment.links
            let open = try links.channel(to: real.node.endpoint, security: .mutualTLS(tls.client))
            try await Self.ask(open, real)
            let authority = "\(scratch.path)/certs/ca"
            try await Self.openssl([
                "ca", "-config", configuration, "-cert", "\(authority).pem", "-keyfile", "\(authority).key", "-revoke",
                tls.client.certificatePath,
            ])
            _ = try await Self.writeList(configuration, scratch)
            try await Self.reload(real, until: "certificates reloaded")
            // The next connection is refused, and the one that is open ends.
            let refused = try links.channel(to: real.node.endpoint, security: .mutualTLS(tls.client))
            let failure = await #expect(throws: RPCStatus.self) { try await Self.ask(refused, real) }
            #expect(failure?.code == .unavailable && failure?.message.contains("TLS") == true, "\(failure as Any)")
            // A file that cannot be used changes nothing, and is named.
            try await Self.spoil(list, real)
            try await Self.untilEnded(open, real)
            await refused.close()
            await open.close()
            try await real.node.stop()
        }
    }

    /// A connection is looked at every ten seconds.
    private static func untilEnded(_ channel: any CallChannel, _ real: RealNode) async throws {
        while true {
            do throws(RPCStatus) {
                try await ask(channel, real)
            } catch {
                #expect(error.code == .unavailable, "\(error)")
                return
            }
            try await real.environment.clock.sleep(for: .milliseconds(200))
        }
    }

    private static func spoil(_ list: String, _ real: RealNode) async throws {
        let file = try real.environment.files.open(list, .createOrReplace)
        try file.write(Array("no list".utf8), at: 0)
        file.close()
        try await reload(real, until: "certificates not reloaded")
        #expect(real.node.outputTail(lines: 1).contains(list))
    }
}
