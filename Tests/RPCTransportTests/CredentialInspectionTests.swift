// C17: what stands in the files of an identity, as OpenSSL reads them; a list past its date on a real handshake.

import ClusterModel
import Foundation
import HTTP2Engine
import NIOCore
import NodeEnvironment
import Testing

@testable import RPCTransport

@Suite struct CredentialInspectionTests {
    private let files: TestCertificates

    init() throws { files = try TestCertificates() }

    private func seconds(_ time: WallTime?) -> Int64 { Int64(clamping: (time?.milliseconds ?? 0) / 1_000) }

    @Test func c17AnIdentityIsReadWhole() throws {
        let facts = try CredentialInspection.read(files.server)
        #expect(facts.uri == "meridian://test/here/node" && facts.chainFailure == nil)
        #expect(facts.servesAsServer && facts.servesAsClient && !facts.isRevoked)
        #expect(facts.certificate.subject.contains("server") && facts.certificate.file == files.server.certificatePath)
        #expect(seconds(facts.certificate.endsAt) - seconds(facts.certificate.beginsAt) == 86_400 + 300)
        #expect(facts.authorities.count == 1 && facts.authorities[0].endsAt != nil)
        let client = try CredentialInspection.read(files.client)
        #expect(client.uri == TestCertificates.clientURI && !client.servesAsServer && client.servesAsClient)
    }

    @Test func c17AnotherAuthoritysCertificateHasNoChain() throws {
        let other = try TestCertificates()
        var mixed = files.server
        mixed.authorityPath = other.server.authorityPath
        let facts = try CredentialInspection.read(mixed)
        #expect(facts.chainFailure != nil && !facts.servesAsServer && !facts.servesAsClient)
    }

    @Test func c17AKeyOfAnotherCertificateIsNamed() throws {
        var mixed = files.server
        mixed.keyPath = files.client.keyPath
        let error = #expect(throws: LinkError.self) { try CredentialInspection.read(mixed) }
        #expect(error?.message.contains(files.client.keyPath) == true)
    }

    @Test(.enabled(if: OpenSSLCommand.isInstalled)) func c17ListsAreReadAndJudged() throws {
        let openssl = try OpenSSLCommand()
        var identity = files.server
        identity.revocationPath = try openssl.revocationList(files)
        let facts = try CredentialInspection.read(identity)
        #expect(facts.revocationLists.count == 1 && facts.foreignList == nil && !facts.isRevoked)
        #expect(seconds(facts.revocationLists[0].endsAt) > seconds(facts.revocationLists[0].beginsAt))
        let (stranger, strangers) = (try TestCertificates(), try OpenSSLCommand())
        identity.revocationPath = try strangers.revocationList(stranger)
        #expect(try CredentialInspection.read(identity).foreignList == identity.revocationPath)
        let revoking = try OpenSSLCommand()
        identity.revocationPath = try revoking.revocationList(files, revoking: [files.server.certificatePath])
        #expect(try CredentialInspection.read(identity).isRevoked)
    }

    /// Not as "certificate expired", which the caller would look for in its own file.
    @Test(.enabled(if: OpenSSLCommand.isInstalled)) func c17AListPastItsDateIsNamedAsSuch() throws {
        let openssl = try OpenSSLCommand()
        var server = files.server
        server.revocationPath = try openssl.expiredRevocationList(files)
        let facts = try CredentialInspection.read(server)
        #expect(seconds(facts.revocationLists.first?.endsAt) < seconds(facts.certificate.beginsAt))
        let client = try TLSContext(TLSSettings(.client, files.client))
        let refused = try TLSHandshake(client: client, server: try TLSContext(TLSSettings(.server, server)))
        #expect(refused.server == .revocationExpired)
        #expect(refused.server?.description.contains("revocation list") == true)
        #expect(refused.client == .refusedByPeer(alert: 46), "\(String(describing: refused.client))")
        #expect(refused.client?.description.contains("revocation list is past its date") == true)
    }
}
