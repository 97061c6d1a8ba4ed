// The configuration's file.

package import NodeEnvironment

extension NodeConfiguration {
    /// The largest file that is read.
    package static let maxFileBytes = 1 << 20

    /// Reads, parses and validates; the files of `tls` must be there. Blocks on the disk.
    package init(path: String, files: any FileStore) throws(ConfigurationError) {
        let text: String
        do {
            let file = try files.open(path, .read)
            defer { file.close() }
            guard try file.length() <= UInt64(Self.maxFileBytes) else {
                throw FileError(.io, operation: "read (more than \(Self.maxFileBytes) bytes)", path: path)
            }
            let bytes = try file.read(at: 0, count: Self.maxFileBytes)
            guard let valid = String(validating: bytes, as: UTF8.self) else {
                throw FileError(.io, operation: "decode as UTF-8", path: path)
            }
            text = valid
        } catch {
            throw ConfigurationError(
                code: .unreadable, file: path, location: nil, key: "", message: "\(error); give --config a YAML file")
        }
        try self.init(yaml: text, file: path) { files.exists($0) }
    }
}
