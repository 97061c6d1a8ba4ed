// Reads the files of an identity for those who judge them.

import ClusterModel
import HTTP2Engine
package import NodeEnvironment

/// Needs no pool and opens no connection: for checks before a node is started, too.
package enum CredentialInspection {
    /// Blocks on the disk. Throws `.badCertificate` with the file that cannot be used.
    package static func read(_ identity: TLSIdentity) throws(LinkError) -> CredentialFacts {
        do throws(TLSContextError) {
            // The key: whether it can be read, and is the certificate's.
            let settings = TLSSettings(
                role: .server, demand: .mutual, authorityPath: identity.authorityPath,
                certificatePath: identity.certificatePath, keyPath: identity.keyPath,
                revocationPath: identity.revocationPath, allowsTLS12: identity.allowsTLS12)
            _ = try TLSContext(settings)
            return facts(
                try CredentialFiles(
                    authorityPath: identity.authorityPath, certificatePath: identity.certificatePath,
                    revocationPath: identity.revocationPath))
        } catch {
            throw LinkError(.badCertificate, error.message)
        }
    }

    private static func facts(_ files: CredentialFiles) -> CredentialFacts {
        var facts = CredentialFacts(certificate: document(files.certificate), uri: files.uri)
        facts.chainFailure = files.chainFailure
        facts.servesAsServer = files.servesAsServer
        facts.servesAsClient = files.servesAsClient
        facts.isRevoked = files.isRevoked
        facts.authorities = files.authorities.map(document)
        facts.revocationLists = files.revocationLists.map(document)
        facts.foreignList = files.foreignList
        return facts
    }

    /// The last second that a wall time of 48 bits of milliseconds can say.
    private static let latestSeconds = Int64(WallTime.mask / 1_000)

    private static func document(_ document: CredentialFiles.Document) -> CredentialFacts.Document {
        func time(_ seconds: Int64?) -> WallTime? {
            seconds.map { WallTime(milliseconds: UInt64(min(max(0, $0), latestSeconds)) * 1_000) }
        }
        return CredentialFacts.Document(
            file: document.file, subject: document.subject, beginsAt: time(document.beginsAt),
            endsAt: time(document.endsAt))
    }
}
