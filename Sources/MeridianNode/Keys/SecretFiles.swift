// Files that nobody but the node may read: who may.

package import NodeEnvironment

/// The private key of `tls` and the secrets of `keys.tokens`. A value.
package struct SecretFiles: Sendable {
    /// Reading and writing by everybody who is on the machine.
    private static let others: UInt16 = 0o006

    private let paths: [(key: String, path: String)]

    package init(_ configuration: NodeConfiguration) {
        let keys = configuration.tokenKeys.enumerated().map {
            (key: "keys.tokens[\($0.offset)].file", path: $0.element.file)
        }
        paths = (configuration.tls.map { [(key: "tls.key", path: $0.keyPath)] } ?? []) + keys
    }

    /// One sentence for each file that others may read or write. Blocks on the disk.
    package func warnings(files: any FileStore) -> [String] {
        paths.compactMap { key, path in
            // A file that is not there is for those who read it to tell.
            guard let mode = try? files.permissions(of: path), mode & Self.others != 0 else { return nil }
            let octal = String(mode & 0o777, radix: 8)
            let place = files.absolutePath(of: path)
            return "\(key): everybody on this machine may read or write \(place) (mode \(octal)): chmod o= it"
        }
    }
}
