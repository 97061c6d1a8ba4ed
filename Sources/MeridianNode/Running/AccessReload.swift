// Rules of access that were edited: read again when somebody says so.

package import Logging
package import NodeEnvironment
import ServingAPI

/// Reads `access` of a node's configuration again. What else the file says counts at the next start only, but it has to
/// be right as a whole: a file with a slip in it changes nothing.
package struct AccessReload: Sendable {
    private let path: String
    private let files: any FileStore
    private let deploymentID: String
    private let isOpen: Bool
    private let replace: @Sendable (AccessRules) -> Void
    private let logger: Logger

    /// `running`: what the node was started with, from `path`.
    package init(
        _ node: MeridianNode, running: NodeConfiguration, path: String, files: any FileStore, logger: Logger
    ) {
        self.path = path
        self.files = files
        self.logger = logger
        deploymentID = running.deployment.id
        isOpen = running.tls == nil
        replace = { node.replaceAccess($0) }
    }

    /// Blocks on the disk. Says in the log what came of it.
    package func callAsFunction() {
        do throws(ConfigurationError) {
            let read = try NodeConfiguration(path: path, files: files)
            guard read.deployment.id == deploymentID else {
                return refuse("\(path) is of the deployment \(read.deployment.id), this node of \(deploymentID)")
            }
            guard !isOpen else { return }
            replace(read.access)
            logger.notice("access rules reloaded", metadata: ["rules": "\(read.access.rules.count)"])
        } catch {
            refuse("\(error)")
        }
    }

    private func refuse(_ reason: String) {
        logger.error("access rules not reloaded: those read before stay", metadata: ["error": "\(reason)"])
    }
}
