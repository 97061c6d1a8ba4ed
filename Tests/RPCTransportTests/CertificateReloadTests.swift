// Certificates replaced under a running server, and versions of TLS on real sockets.

import Foundation
import GRPCFraming
import HostEnvironment
import NIOCore
import NodeEnvironment
import RPCTransport
import Testing

@Suite(.serialized) struct CertificateReloadTests {
    /// A server whose files are replaced by those of another authority; connections that are open go on.
    @Test func newConnectionsSeeNewFilesAndOldOnesGoOn() async throws {
        let before = try TestCertificates()
        let after = try TestCertificates()
        try await EchoServer.with(security: .mutualTLS(before.server)) { server in
            try await server.withChannel(security: .mutualTLS(before.client)) { open in
                try await open.expect("one", from: "Echo", "one")
                try replace(before.server, by: after.server)
                try server.links.reload()
                try await open.expect("two", from: "Echo", "two")
                try await server.withChannel(security: .mutualTLS(after.client)) { channel in
                    try await channel.expect(TestCertificates.clientURI, from: "Whoami", "")
                }
                #expect(server.listener.counters.connectionsAccepted == 2)
            }
        }
    }

    @Test func filesThatCannotBeUsedChangeNothing() async throws {
        let files = try TestCertificates()
        try await EchoServer.with(security: .mutualTLS(files.server)) { server in
            let key = try Data(contentsOf: URL(filePath: files.server.keyPath))
            try Data("no key".utf8).write(to: URL(filePath: files.server.keyPath))
            let failure = #expect(throws: LinkError.self) { try server.links.reload() }
            #expect(failure?.code == .badCertificate && failure?.message.contains(files.server.keyPath) == true)
            try await server.withChannel(security: .mutualTLS(files.client)) { channel in
                try await channel.expect("still", from: "Echo", "still")
            }
            try key.write(to: URL(filePath: files.server.keyPath))
            try server.links.reload()
        }
    }

    /// A list where there was none, and other paths: everything that was made with the files of before uses them.
    @Test(.enabled(if: OpenSSLCommand.isInstalled)) func pathsThatAreNewAreReadToo() async throws {
        let files = try TestCertificates()
        let tool = try OpenSSLCommand()
        let revoked = try files.issue("lost", uri: "meridian://test/client/lost")
        try await EchoServer.with(security: .mutualTLS(files.server)) { server in
            try await server.withChannel(security: .mutualTLS(revoked)) { channel in
                try await channel.expect("before", from: "Echo", "before")
            }
            var listed = files.server
            listed.revocationPath = try tool.revocationList(files, revoking: [revoked.certificatePath])
            try server.links.reload(files.server, from: listed)
            try await server.withChannel(security: .mutualTLS(revoked)) { channel in
                await #expect(throws: RPCStatus.self) { try await channel.expect("after", from: "Echo", "after") }
            }
            try await server.withChannel(security: .mutualTLS(files.client)) { channel in
                try await channel.expect("other", from: "Echo", "other")
            }
            // What is made later with the files of before has the list too, and so has a reload that names nothing.
            try server.links.reload()
            let later = try await server.links.listenCounted(
                on: Endpoint(host: "127.0.0.1", port: 0), security: .mutualTLS(files.server), handler: server.service)
            for endpoint in [server.listener.endpoint, later.endpoint] {
                try await server.withChannel(security: .mutualTLS(revoked), to: endpoint) { channel in
                    await #expect(throws: RPCStatus.self) { try await channel.expect("no", from: "Echo", "no") }
                }
            }
            var broken = files.server
            broken.keyPath = "/nowhere.key"
            #expect(throws: LinkError.self) { try server.links.reload(files.server, from: broken) }
            try await server.withChannel(security: .mutualTLS(revoked)) { channel in
                await #expect(throws: RPCStatus.self) { try await channel.expect("still", from: "Echo", "still") }
            }
            await later.shutDown(by: HostClock().bootTime())
        }
    }

    /// Whoever keeps a connection kept its access: for as long as it liked.
    @Test(.enabled(if: OpenSSLCommand.isInstalled)) func connectionsThatStandEndWithTheirCertificate() async throws {
        let files = try TestCertificates()
        let tool = try OpenSSLCommand()
        let revoked = try files.issue("lost", uri: "meridian://test/client/lost")
        var limits = TransportLimits()
        limits.watchStep = .milliseconds(20)
        limits.silentStepsBeforePing = 10_000
        try await EchoServer.with(security: .mutualTLS(files.server), limits: limits) { server in
            let lost = try server.links.channel(to: server.listener.endpoint, security: .mutualTLS(revoked))
            let kept = try server.links.channel(to: server.listener.endpoint, security: .mutualTLS(files.client))
            for channel in [lost, kept] { try await channel.expect("before", from: "Echo", "before") }
            var listed = files.server
            listed.revocationPath = try tool.revocationList(files, revoking: [revoked.certificatePath])
            try server.links.reload(files.server, from: listed)
            while server.listener.counters.connectionsRevoked == 0 { await Task.yield() }
            await #expect(throws: RPCStatus.self) { try await lost.expect("after", from: "Echo", "after") }
            try await kept.expect("still", from: "Echo", "still")
            #expect(server.listener.counters.connectionsRevoked == 1)
            for channel in [lost, kept] { await channel.close() }
        }
    }

    /// The other side: a node's certificate was revoked, and its peers dial it.
    @Test(.enabled(if: OpenSSLCommand.isInstalled)) func aCallerLeavesAServerThatWasRevoked() async throws {
        let files = try TestCertificates()
        let tool = try OpenSSLCommand()
        try await EchoServer.with(security: .mutualTLS(files.server)) { server in
            try await server.withChannel(security: .mutualTLS(files.client)) { channel in
                try await channel.expect("before", from: "Echo", "before")
                var listed = files.client
                listed.revocationPath = try tool.revocationList(files, revoking: [files.server.certificatePath])
                try server.links.reload(files.client, from: listed)
                await #expect(throws: RPCStatus.self) { try await channel.expect("after", from: "Echo", "after") }
            }
        }
    }

    @Test(.enabled(if: OpenSSLCommand.isInstalled)) func oldVersionsOnlyByConfiguration() async throws {
        let files = try TestCertificates()
        var identity = files.server
        for allows in [false, true] {
            identity.allowsTLS12 = allows
            try await EchoServer.with(security: .serverTLS(identity)) { server in
                let old = try connect(server, files, ["-tls1_2", "-alpn", "h2"])
                #expect(old.contains("ALPN protocol: h2") == allows, "\(old)")
                let ancient = try connect(server, files, ["-tls1_1", "-cipher", "DEFAULT@SECLEVEL=0", "-alpn", "h2"])
                #expect(!ancient.contains("ALPN protocol: h2"), "\(ancient)")
                #expect(try connect(server, files, ["-alpn", "h2"]).contains("TLSv1.3"))
            }
        }
    }

    @Test(.enabled(if: OpenSSLCommand.isInstalled)) func otherProtocolsAreRefused() async throws {
        let files = try TestCertificates()
        try await EchoServer.with(security: .serverTLS(files.server)) { server in
            let other = try connect(server, files, ["-alpn", "http/1.1"])
            #expect(other.contains("no application protocol"), "\(other)")
            _ = try connect(server, files, [])
            while server.listener.counters.connectionsClosed < 2 { await Task.yield() }
            #expect(server.listener.counters.handshakesFailed == 2)
        }
    }

    private func connect(_ server: EchoServer, _ files: TestCertificates, _ arguments: [String]) throws -> String {
        try OpenSSLCommand.run(
            ["s_client", "-connect", server.listener.endpoint.description, "-CAfile", files.server.authorityPath]
                + arguments, mayFail: true)
    }

    private func replace(_ old: TLSIdentity, by new: TLSIdentity) throws {
        for (from, to) in [
            (new.authorityPath, old.authorityPath), (new.certificatePath, old.certificatePath),
            (new.keyPath, old.keyPath),
        ] {
            try Data(contentsOf: URL(filePath: from)).write(to: URL(filePath: to))
        }
    }
}
