// A configuration, certificates or lists that were edited: read again when somebody says so.

package import Logging
package import NodeEnvironment
import ServiceLifecycle
import ServingAPI
import Synchronization

/// Reads the configuration again at each element of a sequence, such as a signal. It is judged as a whole, with the files that
/// it names, before anything of it counts: a slip in it changes nothing. Then access rules and the files of `tls` are in force,
/// and every other key whose value differs is named as one that needs a restart. A service of the process; ends with the
/// sequence, or at a graceful shutdown.
package struct ConfigurationReload<Requests: AsyncSequence & Sendable>: Service where Requests.Element: Sendable {
    private let requests: Requests
    private let path: String
    private let files: any FileStore
    private let node: MeridianNode
    private let logger: Logger
    private let inForce: ReloadedConfiguration

    /// `running`: what the node was started with, from `path`.
    package init(
        at requests: Requests, of node: MeridianNode, running: NodeConfiguration, path: String,
        files: any FileStore, logger: Logger
    ) {
        self.requests = requests
        self.node = node
        self.path = path
        self.files = files
        self.logger = logger
        inForce = ReloadedConfiguration(running)
    }

    package func run() async throws {
        for try await _ in requests.cancelOnGracefulShutdown() { await reload() }
    }

    /// Blocks on the disk, then asks the other regions of the keys.
    private func reload() async {
        do {
            let read = try NodeConfiguration(path: path, files: files)
            let running = inForce.value
            guard read.deployment.id == running.deployment.id else {
                let (ours, theirs) = (running.deployment.id, read.deployment.id)
                return refuse("\(path) is of the deployment \(theirs), this node of \(ours)")
            }
            let change = ConfigurationChange(from: running, to: read)
            let next = running.taking(change, from: read)
            try node.credentials?.adopt(next)
            node.replaceAccess(next.access)
            inForce.value = next
            tell(change, next)
            await node.replaceTokenKeys(read.tokenKeys)
        } catch {
            refuse("\(error)")
        }
    }

    private func tell(_ change: ConfigurationChange, _ now: NodeConfiguration) {
        for warning in SecretFiles(now).warnings(files: files) { logger.warning("\(warning)") }
        if !change.needRestart.isEmpty {
            logger.warning(
                "changed keys that count at the next start only: restart the node",
                metadata: ["keys": "\(change.needRestart.joined(separator: ", "))"])
        }
        if !change.takenUp.isEmpty {
            logger.notice(
                "in force from now on", metadata: ["keys": "\(change.takenUp.joined(separator: ", "))"])
        }
        guard now.tls != nil else { return logger.notice("configuration read again: there is nothing to take up") }
        logger.notice("access rules reloaded", metadata: ["rules": "\(now.access.rules.count)"])
        logger.notice("certificates reloaded; new connections use them")
    }

    private func refuse(_ reason: String) {
        logger.error(
            "configuration not reloaded: access rules not reloaded, certificates not reloaded; what was read before stays",
            metadata: ["error": "\(reason)"])
    }
}

/// What a node does now. Only the reloads of one process write it, one after another.
private final class ReloadedConfiguration: Sendable {
    private let box: Mutex<NodeConfiguration>

    init(_ configuration: NodeConfiguration) { box = Mutex(configuration) }

    var value: NodeConfiguration {
        get { box.withLock { $0 } }
        set { box.withLock { $0 = newValue } }
    }
}
