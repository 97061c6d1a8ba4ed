// What is wrong with a configuration file, and where.

/// Names the file, the line and column, and the key; says what to write instead.
package struct ConfigurationError: Error, Hashable, CustomStringConvertible {
    package struct Code: Hashable, Sendable, CustomStringConvertible {
        package let description: String

        private init(_ description: String) { self.description = description }

        package static let unreadable = Code("cannot be read")
        package static let notYAML = Code("is not YAML")
        package static let unknownKey = Code("unknown key")
        package static let missingKey = Code("missing key")
        package static let wrongType = Code("wrong type")
        package static let invalidValue = Code("invalid value")
        package static let unsupported = Code("not in this release")
    }

    /// A place in the file, both from 1.
    package struct Location: Hashable, Sendable {
        package var line: Int
        package var column: Int
    }

    package var code: Code
    package var file: String
    package var location: Location?
    /// Dotted, as in `log.segment_bytes`; empty for the file as a whole.
    package var key: String
    package var message: String

    package var description: String {
        let place = location.map { ":\($0.line):\($0.column)" } ?? ""
        let subject = key.isEmpty ? "" : " \(key):"
        return "\(file)\(place):\(subject) \(code): \(message)"
    }
}
