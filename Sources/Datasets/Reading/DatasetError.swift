// What can be wrong with a data file.

/// A row or a file that cannot be read: where, what, and what to do about it.
package struct DatasetError: Error, Hashable, CustomStringConvertible {
    /// New codes may appear.
    package struct Code: Hashable, Sendable, CustomStringConvertible {
        package let description: String

        private init(_ description: String) { self.description = description }

        package static let unreadable = Code("cannot be read")
        package static let unexpectedHeader = Code("unexpected header")
        package static let wrongFieldCount = Code("wrong number of fields")
        package static let invalidField = Code("invalid field")
        package static let lineTooLong = Code("line too long")
        package static let notUTF8 = Code("not UTF-8")
        package static let tooManyRows = Code("too many rows")
    }

    package var code: Code
    package var path: String
    /// From 1; 0 when it concerns the file as a whole.
    package var line: Int
    package var message: String

    package init(_ code: Code, path: String, line: Int = 0, _ message: String) {
        self.code = code
        self.path = path
        self.line = line
        self.message = message
    }

    package var description: String {
        "\(path)\(line > 0 ? ":\(line)" : ""): \(code): \(message)"
    }
}

/// The bounds of reading: a file beyond them is refused with its line, never read into memory whole.
package enum DatasetLimits {
    package static let lineBytes = 64 << 10
    package static let chunkBytes = 256 << 10
    package static let contents = 200_000
    package static let events = 5_000_000
    /// A session longer than this is cut into several steps: one report takes at most 512 events.
    package static let interactionsPerStep = 64
}
