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
            let length = try file.length()
            guard length <= UInt64(Self.maxFileBytes) else {
                throw ConfigurationError(
                    code: .unreadable, file: path, location: nil, key: "",
                    message: "it has \(length) bytes; a configuration has at most \(Self.maxFileBytes)")
            }
            text = try Self.decode(try file.read(at: 0, count: Self.maxFileBytes), file: path)
        } catch let error as ConfigurationError {
            throw error
        } catch let error as FileError {
            throw ConfigurationError(
                code: .unreadable, file: path, location: nil, key: "",
                message: "\(error.named(files.absolutePath(of: path))); give --config a YAML file")
        } catch {
            throw ConfigurationError(code: .unreadable, file: path, location: nil, key: "", message: "\(error)")
        }
        try self.init(
            yaml: text, file: path, isThere: { files.exists($0) }, place: files.absolutePath(of:))
    }

    /// The text, or the place of the first byte that is none.
    private static func decode(_ bytes: [UInt8], file: String) throws(ConfigurationError) -> String {
        if let text = String(validating: bytes, as: UTF8.self) { return text }
        let isWide = bytes.starts(with: [0xff, 0xfe]) || bytes.starts(with: [0xfe, 0xff])
        let lines = bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
        let line = lines.firstIndex { String(validating: $0, as: UTF8.self) == nil } ?? 0
        let column = String(decoding: lines[line], as: UTF8.self).unicodeScalars.prefix { $0 != "\u{fffd}" }.count
        throw ConfigurationError(
            code: .unreadable, file: file, location: ConfigurationError.Location(line: line + 1, column: column + 1),
            key: "",
            message: isWide ? "it is UTF-16: save it as UTF-8" : "a byte that is not UTF-8")
    }
}
