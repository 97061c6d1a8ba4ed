// Keys of tokens that were replaced: read again when somebody says so.

import ClusterModel
import Logging
import NodeEnvironment
import RegionMirror
import Synchronization

/// Replaces the keys of a node that runs, and has the other regions compare theirs again (S3). One a node.
final class TokenKeyReload: Sendable {
    private let reading: TokenKeyFiles
    private let directory: String
    private let entropy: any EntropySource
    private let logger: Logger
    private let running = Mutex<(keys: TokenKeys, mirror: RegionMirror?)?>(nil)

    /// `directory`: where a node has its own key whose configuration names none.
    init(files: any FileStore, directory: String, entropy: any EntropySource, logger: Logger) {
        reading = TokenKeyFiles(files: files)
        self.directory = directory
        self.entropy = entropy
        self.logger = logger
    }

    /// The keys that a start read. Blocks on the disk. Throws NodeError.
    func read(_ configured: [NodeConfiguration.TokenKey]) throws(NodeError) -> TokenKeyring {
        try reading.keyring(configured, directory: directory, entropy: entropy)
    }

    /// The node uses these from now on; `mirror` is nil for a region that is alone.
    func onStarted(_ keys: TokenKeys, _ mirror: RegionMirror?) {
        running.withLock { $0 = (keys, mirror) }
        mirror?.watchMemberKeys { [logger] known in
            guard let id = keys.onMembers(have: known) else { return }
            logger.notice("another token key signs, as far as every region has it", metadata: ["id": "\(id)"])
        }
    }

    /// Everything has stopped.
    func onEnded() { running.withLock { $0 = nil } }

    /// Reads the keys that the configuration names now. What cannot be read replaces nothing; before the node has started
    /// there is nothing to replace. Blocks on the disk, then asks the other regions.
    func callAsFunction(_ configured: [NodeConfiguration.TokenKey]) async {
        guard let (keys, mirror) = running.withLock(\.self) else { return }
        let ring: TokenKeyring
        do throws(NodeError) {
            ring = try read(configured)
        } catch {
            return logger.error(
                "token keys not reloaded: those read before stay", metadata: ["error": "\(error)"])
        }
        guard ring.fingerprints != keys.ring.fingerprints else { return }
        keys.replace(with: ring)
        logger.notice(
            "token keys reloaded",
            metadata: [
                "ids": "\(ring.fingerprints.map { String($0.id) }.joined(separator: " "))",
                "signs": "\(keys.ring.signingID)",
                "once_every_region_has_it": "\(ring.fingerprints.last.map { String($0.id) } ?? "")",
            ])
        await mirror?.replaceTokenKeys(ring.fingerprints)
    }
}
