// Who is admitted: identities, revocation, times, versions, resumed sessions. Handshakes in memory.

import HTTP2Engine
import NIOCore
import NodeEnvironment
import Testing

@Suite struct TLSPolicyTests {
    private let files: TestCertificates
    /// Here, because its files go with it.
    private let openssl: OpenSSLCommand

    init() throws {
        files = try TestCertificates()
        openssl = try OpenSSLCommand()
    }

    private func shake(client: TLSSettings, server: TLSSettings, host: String = "127.0.0.1") throws -> TLSHandshake {
        try TLSHandshake(client: TLSContext(client), server: TLSContext(server), host: host)
    }

    // MARK: Identities

    @Test func aServerIsKnownByItsURI() throws {
        let server = TLSSettings(.server, files.server)
        let node = "meridian://test/here/node"
        var outcome = try shake(client: TLSSettings(.client, files.client, peerName: .uri(node)), server: server)
        #expect(outcome.isGood)
        // A node may move: its name counts, not its host.
        outcome = try shake(
            client: TLSSettings(.client, files.client, peerName: .uri(node)), server: server, host: "10.9.8.7")
        #expect(outcome.isGood)
        outcome = try shake(client: TLSSettings(.client, files.client, peerName: .uri(node + "2")), server: server)
        #expect(outcome.client == .wrongIdentity && !outcome.serverEngine.isEstablished)
        #expect(outcome.server == .refusedByPeer(alert: 40) || outcome.server == .refusedByPeer(alert: 80))
    }

    @Test func aClientIsKnownByItsURI() throws {
        let client = TLSSettings(.client, files.client)
        let mine = TLSSettings(.server, files.server, peerName: .uriPrefixes(["meridian://test/"]))
        #expect(try shake(client: client, server: mine).isGood)
        let others = TLSSettings(.server, files.server, peerName: .uriPrefixes(["meridian://other/"]))
        let outcome = try shake(client: client, server: others)
        #expect(outcome.server == .wrongIdentity)
        guard case .refusedByPeer = outcome.client else {
            Issue.record("the client was not told: \(String(describing: outcome.client))")
            return
        }
    }

    @Test func aPrefixStillChecksTheHost() throws {
        let client = TLSSettings(.client, files.client, peerName: .uriPrefixes(["meridian://test/"]))
        let server = TLSSettings(.server, files.server)
        #expect(try shake(client: client, server: server).isGood)
        #expect(try shake(client: client, server: server, host: "127.0.0.9").client == .wrongName)
    }

    // MARK: Revocation and times

    @Test(.enabled(if: OpenSSLCommand.isInstalled)) func revokedCertificatesAreRefused() throws {
        let lost = try files.issue("lost")
        var server = files.server
        server.revocationPath = try openssl.revocationList(files, revoking: [lost.certificatePath])
        let refused = try shake(client: TLSSettings(.client, lost), server: TLSSettings(.server, server))
        #expect(refused.server == .certificateRevoked)
        #expect(refused.client == .refusedByPeer(alert: 44))
        #expect(try shake(client: TLSSettings(.client, files.client), server: TLSSettings(.server, server)).isGood)
    }

    @Test(.enabled(if: OpenSSLCommand.isInstalled)) func aServerMayBeRevokedToo() throws {
        var client = files.client
        client.revocationPath = try openssl.revocationList(files, revoking: [files.server.certificatePath])
        let refused = try shake(client: TLSSettings(.client, client), server: TLSSettings(.server, files.server))
        #expect(refused.client == .certificateRevoked && !refused.serverEngine.isEstablished)
    }

    @Test(.enabled(if: OpenSSLCommand.isInstalled)) func withoutTheIssuersListNobodyIsAdmitted() throws {
        var server = files.server
        server.revocationPath = try openssl.revocationList(TestCertificates())
        let refused = try shake(client: TLSSettings(.client, files.client), server: TLSSettings(.server, server))
        #expect(refused.server == .revocationUnknown)
    }

    @Test func aListThatCannotBeReadIsNamed() throws {
        var server = files.server
        server.revocationPath = files.server.keyPath
        let failure = #expect(throws: TLSContextError.self) { try TLSContext(TLSSettings(.server, server)) }
        #expect(failure?.message.contains(files.server.keyPath) == true)
    }

    @Test(.enabled(if: OpenSSLCommand.isInstalled)) func certificatesOfTheFutureAreRefused() throws {
        let future = try openssl.futureCertificate(files)
        let refused = try shake(client: TLSSettings(.client, future), server: TLSSettings(.server, files.server))
        #expect(refused.server == .certificateNotYetValid)
    }

    // MARK: Sessions

    @Test func aSecondConnectionResumesTheFirst() throws {
        let client = try TLSContext(TLSSettings(.client, files.client))
        let server = try TLSContext(TLSSettings(.server, files.server))
        let first = try TLSHandshake(client: client, server: server)
        #expect(first.isGood && !first.clientEngine.isResumed && !first.serverEngine.isResumed)
        let second = try TLSHandshake(client: client, server: server)
        #expect(second.isGood && second.clientEngine.isResumed && second.serverEngine.isResumed)
        // Who the peer is was proven in the first handshake, and is still known.
        #expect(second.serverEngine.peerURI == TestCertificates.clientURI)
        #expect(second.clientEngine.peerURI == "meridian://test/here/node")
    }

    @Test func sessionsOfAnotherHostAreNotResumed() throws {
        let client = try TLSContext(TLSSettings(.client, files.client))
        let server = try TLSContext(TLSSettings(.server, files.server))
        #expect(try TLSHandshake(client: client, server: server).isGood)
        let other = try TLSHandshake(client: client, server: server, host: "localhost")
        #expect(other.isGood && !other.serverEngine.isResumed)
    }

    @Test func aReplacedContextForgetsItsSessions() throws {
        let client = try TLSContext(TLSSettings(.client, files.client))
        let before = try TLSContext(TLSSettings(.server, files.server))
        #expect(try TLSHandshake(client: client, server: before).isGood)
        // What was allowed before a reload may be revoked after it: the whole chain is checked again.
        let after = try TLSContext(TLSSettings(.server, files.server))
        let second = try TLSHandshake(client: client, server: after)
        #expect(second.isGood && !second.serverEngine.isResumed)
    }

    @Test func connectionsOutliveTheirContext() throws {
        var client: TLSContext? = try TLSContext(TLSSettings(.client, files.client))
        var server: TLSContext? = try TLSContext(TLSSettings(.server, files.server))
        var outcome: TLSHandshake?
        if let client, let server { outcome = try TLSHandshake(client: client, server: server) }
        (client, server) = (nil, nil)
        let engines = try #require(outcome)
        let message = ByteBuffer(repeating: 9, count: 50_000)
        try engines.clientEngine.send(message.readableBytesUInt8Span)
        var cipher = ByteBuffer()
        engines.clientEngine.drain(into: &cipher)
        engines.serverEngine.releaseBuffers()
        var plain = ByteBuffer()
        #expect(TLSHandshake.feed(engines.serverEngine, cipher, .max, &plain) == nil)
        #expect(plain == message)
    }
}
