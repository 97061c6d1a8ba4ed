// Certificates: what the authority signs is what was asked for.

import Testing

@testable import OperatorCommands

@Suite struct CertificateAuthorityTests {
    @Test func aReadBackAuthorityIssues() throws {
        let made = try CertificateAuthority(name: "test", days: 1)
        let read = try CertificateAuthority(certificatePEM: made.certificatePEM(), keyPEM: made.keyPEM())
        let issued = try read.issue(.init(commonName: "n", uri: "meridian://d/r/n", hosts: ["127.0.0.1"]), days: 1)
        #expect(String(decoding: issued.certificatePEM, as: UTF8.self).hasPrefix("-----BEGIN CERTIFICATE-----"))
        #expect(String(decoding: issued.keyPEM, as: UTF8.self).hasPrefix("-----BEGIN PRIVATE KEY-----"))
    }

    @Test(arguments: ["meridian://d/r/n,DNS:evil", "", "a\nb"])
    func aNameThatEndsEarlyIsRefused(uri: String) throws {
        let authority = try CertificateAuthority(name: "test", days: 1)
        let failure = #expect(throws: OperatorFailure.self) {
            try authority.issue(.init(commonName: "n", uri: uri), days: 1)
        }
        #expect(failure?.status == .usage)
    }
}
