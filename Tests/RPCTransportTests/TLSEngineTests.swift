// Handshakes in memory: the good one byte by byte, and each way to fail by its name.

import HTTP2Engine
import NIOCore
import NodeEnvironment
import Testing

@Suite struct TLSEngineTests {
    private func context(
        _ role: HTTP2Role, _ identity: TLSIdentity, _ demand: TLSSettings.Demand = .mutual
    ) throws -> TLSContext {
        try TLSContext(TLSSettings(role, identity, demand))
    }

    private func shake(
        client: TLSContext, server: TLSContext, host: String = "127.0.0.1", piecesOf size: Int = .max
    ) throws -> TLSHandshake {
        try TLSHandshake(client: client, server: server, host: host, piecesOf: size)
    }

    private func feed(_ engine: TLSEngine, _ bytes: ByteBuffer, _ size: Int, _ plain: inout ByteBuffer) -> TLSFailure? {
        TLSHandshake.feed(engine, bytes, size, &plain)
    }

    @Test(arguments: [1, 2, 100, Int.max])
    func bothSidesKnowEachOther(size: Int) throws {
        let files = try TestCertificates()
        var outcome = try shake(
            client: context(.client, files.client), server: context(.server, files.server), piecesOf: size)
        #expect(outcome.client == nil && outcome.server == nil)
        #expect(outcome.clientEngine.isEstablished && outcome.serverEngine.isEstablished)
        #expect(outcome.serverEngine.peerURI == TestCertificates.clientURI)
        #expect(outcome.clientEngine.peerURI == "meridian://test/here/node")
        let message = ByteBuffer(repeating: 3, count: 100_000)
        try outcome.clientEngine.send(message.readableBytesUInt8Span)
        var cipher = ByteBuffer()
        outcome.clientEngine.drain(into: &cipher)
        #expect(feed(outcome.serverEngine, cipher, size, &outcome.plain) == nil)
        #expect(outcome.plain == message)
        outcome.clientEngine.shutDown()
        cipher.clear()
        outcome.clientEngine.drain(into: &cipher)
        #expect(feed(outcome.serverEngine, cipher, size, &outcome.plain) == .closed)
    }

    @Test func serverTLSAsksForNoCertificate() throws {
        let files = try TestCertificates()
        let outcome = try shake(
            client: context(.client, files.client, .serverOnly), server: context(.server, files.server, .serverOnly))
        #expect(outcome.client == nil && outcome.server == nil)
        #expect(outcome.serverEngine.isEstablished && outcome.serverEngine.peerURI == nil)
    }

    @Test func aClientWithoutACertificateIsRefused() throws {
        let files = try TestCertificates()
        let outcome = try shake(
            client: context(.client, files.client, .serverOnly), server: context(.server, files.server))
        #expect(outcome.server == .noCertificate)
        #expect(outcome.client == .refusedByPeer(alert: 116))
        #expect(!outcome.serverEngine.isEstablished)
    }

    @Test func anotherAuthorityIsRefusedOnEitherSide() throws {
        let files = try TestCertificates()
        let others = try TestCertificates()
        let stranger = TLSIdentity(
            authorityPath: files.client.authorityPath, certificatePath: others.client.certificatePath,
            keyPath: others.client.keyPath)
        let refused = try shake(client: context(.client, stranger), server: context(.server, files.server))
        #expect(refused.server == .unknownAuthority)
        #expect(refused.client == .refusedByPeer(alert: 48))
        let outcome = try shake(client: context(.client, others.client), server: context(.server, files.server))
        #expect(outcome.client == .unknownAuthority)
        #expect(outcome.server == .refusedByPeer(alert: 48))
    }

    @Test(arguments: ["127.0.0.2", "other.example", "::1"])
    func anotherHostIsRefused(host: String) throws {
        let files = try TestCertificates()
        let outcome = try shake(
            client: context(.client, files.client), server: context(.server, files.server), host: host)
        #expect(outcome.client == .wrongName)
        #expect(!outcome.serverEngine.isEstablished)
    }

    @Test func namesWorkAsWellAsAddresses() throws {
        let files = try TestCertificates()
        let outcome = try shake(
            client: context(.client, files.client), server: context(.server, files.server), host: "localhost")
        #expect(outcome.client == nil && outcome.server == nil)
    }

    @Test func expiredCertificatesAreRefused() throws {
        let files = try TestCertificates()
        let oldClient = try files.issue("old-client", days: -1)
        let refused = try shake(client: context(.client, oldClient), server: context(.server, files.server))
        #expect(refused.server == .certificateExpired)
        #expect(refused.client == .refusedByPeer(alert: 45))
        let oldServer = try files.issue("old-server", hosts: ["127.0.0.1"], days: -1)
        let outcome = try shake(client: context(.client, files.client), server: context(.server, oldServer))
        #expect(outcome.client == .certificateExpired)
    }

    @Test func aClientsCertificateIsNoServers() throws {
        let files = try TestCertificates()
        let outcome = try shake(client: context(.client, files.client), server: context(.server, files.client))
        #expect(outcome.client == .wrongPurpose)
    }

    @Test func noiseIsNoTLS() throws {
        let files = try TestCertificates()
        let engine = try context(.server, files.server).makeServerEngine()
        var plain = ByteBuffer()
        #expect(feed(engine, ByteBuffer(string: "GET / HTTP/1.1\r\n\r\n"), .max, &plain) == .notTLS)
        let other = try context(.server, files.server).makeServerEngine()
        #expect(feed(other, ByteBuffer(string: "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), .max, &plain) == .notTLS)
    }

    @Test func badFilesAreNamed() throws {
        let files = try TestCertificates()
        var identity = files.server
        identity.keyPath = files.client.keyPath
        let wrongKey = #expect(throws: TLSContextError.self) { try context(.server, identity) }
        #expect(wrongKey?.message.contains(identity.keyPath) == true)
        identity = files.server
        identity.certificatePath = "/nowhere.pem"
        let missing = #expect(throws: TLSContextError.self) { try context(.server, identity) }
        #expect(missing?.message.contains("/nowhere.pem") == true)
        identity = files.server
        identity.authorityPath = files.server.keyPath
        #expect(throws: TLSContextError.self) { try context(.server, identity) }
    }
}
