// What stands in the files of a TLS identity, for those who judge it.

package import ClusterModel

/// As of one reading of the files. A value; says nothing about which time it is.
package struct CredentialFacts: Hashable, Sendable {
    package struct Document: Hashable, Sendable {
        package var file: String
        /// Whose it is; of a revocation list its issuer.
        package var subject: String
        /// Nil where no time can be read.
        package var beginsAt: WallTime?
        package var endsAt: WallTime?

        package init(file: String, subject: String, beginsAt: WallTime?, endsAt: WallTime?) {
            self.file = file
            self.subject = subject
            self.beginsAt = beginsAt
            self.endsAt = endsAt
        }
    }

    /// The identity's own certificate.
    package var certificate: Document
    /// Its one URI SAN.
    package var uri: String?
    /// Why its chain does not end in one of the authorities; nil when it does.
    package var chainFailure: String?
    package var servesAsServer = true
    package var servesAsClient = true
    /// A list of `revocationLists` names it.
    package var isRevoked = false
    package var authorities: [Document] = []
    package var revocationLists: [Document] = []
    /// A file of lists, one of which none of the authorities signed.
    package var foreignList: String?

    package init(certificate: Document, uri: String?) {
        self.certificate = certificate
        self.uri = uri
    }
}
