// The secrets behind tokens: the files that configuration names, or one that the node made for itself.

package import ClusterModel
package import NodeEnvironment

/// Reads token keys. Blocks on the disk: before a node serves.
package struct TokenKeyFiles: Sendable {
    /// The key of a node whose configuration names none.
    package static let ownKeyID: UInt32 = 1
    static let secretBytes = 32

    let files: any FileStore

    package init(files: any FileStore) { self.files = files }

    /// The configured keys, the last of which signs, or is to sign; without any, the key beside the log, made at the first start.
    package func keyring(
        _ configured: [NodeConfiguration.TokenKey], directory: String, entropy: any EntropySource
    ) throws(NodeError) -> TokenKeyring {
        guard !configured.isEmpty else { return try ownKeyring(directory, entropy) }
        do {
            var read: [TokenKey] = []
            for key in configured { read.append(try TokenKey(id: key.id, secret: try secret(key.file))) }
            return try TokenKeyring(read, signingID: configured[configured.count - 1].id)
        } catch let error as NodeError {
            throw error
        } catch {
            throw NodeError(
                .badKey, "\(error)", nextStep: "write at least \(Self.secretBytes) random bytes into each key file")
        }
    }

    /// Whether the configured keys can be used, without anything being made. Throws NodeError `.badKey`.
    package func verify(_ configured: [NodeConfiguration.TokenKey]) throws(NodeError) {
        for key in configured { _ = try secret(key.file) }
    }

    private func secret(_ path: String) throws(NodeError) -> [UInt8] {
        let place = files.absolutePath(of: path)
        do {
            let file = try files.open(path, .read)
            defer { file.close() }
            let bytes = try file.read(at: 0, count: TokenKey.maxSecretBytes)
            guard bytes.count >= Self.secretBytes else {
                throw NodeError(
                    .badKey, "\(place) has \(bytes.count) bytes",
                    nextStep: "write at least \(Self.secretBytes) random bytes into it")
            }
            return bytes
        } catch let error as NodeError {
            throw error
        } catch {
            let named = (error as? FileError)?.named(place)
            throw NodeError(
                .badKey, "\(named.map { "\($0)" } ?? "\(error)")", nextStep: "correct keys.tokens in the configuration")
        }
    }
}
