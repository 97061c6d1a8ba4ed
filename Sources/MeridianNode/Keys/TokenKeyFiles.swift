// The secrets behind tokens: the files that configuration names, or one that the node made for itself.

package import ClusterModel
package import NodeEnvironment

/// Reads token keys. Blocks on the disk: before a node serves.
package struct TokenKeyFiles: Sendable {
    /// The key of a node whose configuration names none.
    package static let ownKeyID: UInt32 = 1
    private static let secretBytes = 32

    private let files: any FileStore

    package init(files: any FileStore) { self.files = files }

    /// The configured keys, the last of which signs; without any, the key beside the log, made at the first start.
    package func keyring(
        _ configured: [NodeConfiguration.TokenKey], directory: String, entropy: any EntropySource
    ) throws(NodeError) -> TokenKeyring {
        var keys: [(id: UInt32, path: String)] = configured.map { ($0.id, $0.file) }
        if keys.isEmpty {
            let path = "\(directory)/token.key"
            try makeOwnKey(path, entropy)
            keys = [(Self.ownKeyID, path)]
        }
        do {
            var read: [TokenKey] = []
            for key in keys { read.append(try TokenKey(id: key.id, secret: try secret(key.path))) }
            return try TokenKeyring(read, signingID: keys[keys.count - 1].id)
        } catch let error as NodeError {
            throw error
        } catch {
            throw NodeError(
                .badKey, "\(error)", nextStep: "write at least \(Self.secretBytes) random bytes into each key file")
        }
    }

    private func secret(_ path: String) throws(NodeError) -> [UInt8] {
        do {
            let file = try files.open(path, .read)
            defer { file.close() }
            let bytes = try file.read(at: 0, count: TokenKey.maxSecretBytes)
            guard bytes.count >= Self.secretBytes else {
                throw NodeError(
                    .badKey, "\(path) has \(bytes.count) bytes",
                    nextStep: "write at least \(Self.secretBytes) random bytes into it")
            }
            return bytes
        } catch let error as NodeError {
            throw error
        } catch {
            throw NodeError(.badKey, "\(error)", nextStep: "correct keys.tokens in the configuration")
        }
    }

    private func makeOwnKey(_ path: String, _ entropy: any EntropySource) throws(NodeError) {
        guard !files.exists(path) else { return }
        var writer = ByteWriter(reservingCapacity: Self.secretBytes)
        for _ in 0..<Self.secretBytes / 8 { writer.write(entropy.next()) }
        do {
            let temporary = "\(path).new"
            let file = try files.open(temporary, .createOrReplace)
            defer { file.close() }
            try file.write(writer.bytes, at: 0)
            try file.synchronizeData()
            try files.rename(temporary, to: path)
            try files.syncDirectory(String(path.prefix(path.count - "/token.key".count)))
        } catch {
            throw NodeError(.badKey, "\(error)", nextStep: "make the directory of log.directory writable")
        }
    }
}
