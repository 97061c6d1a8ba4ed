// Tab-separated rows with a known header.

package import NodeEnvironment

/// Rows of a tab-separated file whose first line must be exactly `columns`. Blocks on the disk.
package struct TabSeparatedFile: ~Copyable {
    private var lines: LineReader
    private let columns: [String]

    package init(path: String, columns: [String], files: any FileStore) throws(DatasetError) {
        var lines = try LineReader(path: path, files: files)
        let header = try lines.nextLine() ?? ""
        guard header.split(separator: "\t", omittingEmptySubsequences: false).map(String.init) == columns else {
            throw lines.failure(.unexpectedHeader, "expected the columns \(columns.joined(separator: ", "))")
        }
        self.lines = lines
        self.columns = columns
    }

    /// The fields of the next row, as many as there are columns; nil after the last. Empty lines are skipped.
    package mutating func nextRow() throws(DatasetError) -> [Substring]? {
        while let line = try lines.nextLine() {
            if line.isEmpty { continue }
            let fields = line.split(separator: "\t", omittingEmptySubsequences: false)
            guard fields.count == columns.count else {
                throw failure(.wrongFieldCount, "\(fields.count) fields where \(columns.count) were expected")
            }
            return fields
        }
        return nil
    }

    /// The integer in a column of the row returned last.
    package func integer<Value: FixedWidthInteger>(
        _ row: [Substring], _ column: Int, as type: Value.Type = Value.self
    ) throws(DatasetError) -> Value {
        guard let value = Value(row[column]) else {
            throw failure(.invalidField, "\(columns[column]) is \"\(row[column].prefix(64))\", not a whole number")
        }
        return value
    }

    /// A column of the row returned last, 1 to `maxBytes` bytes long.
    package func text(_ row: [Substring], _ column: Int, maxBytes: Int) throws(DatasetError) -> String {
        guard (1...maxBytes).contains(row[column].utf8.count) else {
            throw failure(.invalidField, "\(columns[column]) must have 1 to \(maxBytes) bytes")
        }
        return String(row[column])
    }

    /// An error at the row returned last.
    package func failure(_ code: DatasetError.Code, _ message: String) -> DatasetError {
        lines.failure(code, message)
    }
}
