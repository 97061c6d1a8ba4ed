// Certificates, keys and revocation lists that were replaced: read again when somebody says so.

package import Logging
package import NodeEnvironment
import ServiceLifecycle

/// Reads the links' files again at each element of a sequence, such as a signal, if they are the node's and good. A service of
/// the process; ends with the sequence, or at a graceful shutdown.
package struct CredentialReload<Requests: AsyncSequence & Sendable>: Service where Requests.Element: Sendable {
    private let requests: Requests
    private let links: any Links
    private let watch: CredentialWatch?
    private let logger: Logger
    private let first: @Sendable () -> Void

    /// `watch`: nil for a node without TLS. `first` is done before, at each request: what else is read again.
    package init(
        at requests: Requests, links: any Links, watch: CredentialWatch?, logger: Logger,
        first: @escaping @Sendable () -> Void = {}
    ) {
        self.first = first
        self.requests = requests
        self.links = links
        self.watch = watch
        self.logger = logger
    }

    package func run() async throws {
        for try await _ in requests.cancelOnGracefulShutdown() {
            first()
            do throws(LinkError) {
                try watch?.verify()
                try links.reload()
                logger.notice("certificates reloaded; new connections use them")
            } catch {
                logger.error("certificates not reloaded: what was read before stays", metadata: ["error": "\(error)"])
            }
        }
    }
}
