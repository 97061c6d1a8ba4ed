// The CI&T Deskdrop log, as events.tsv. Local use only: the licence of the original is not verified.

package import ClusterModel
package import NodeEnvironment

/// One row.
package struct DeskdropEvent: Hashable, Sendable {
    package var occurredAt: WallTime
    package var action: RecordedAction
    package var contentID: String
    package var personID: String
    package var sessionID: String
    /// "unknown" in the data is empty here.
    package var device: String
    package var country: String
}

/// Reads events.tsv, row by row. VIEW is a click; the other types keep their meaning. Blocks on the disk.
package struct DeskdropEvents: ~Copyable {
    package static let columns = [
        "timestamp", "eventType", "contentId", "personId", "sessionId", "device", "userRegion", "userCountry",
    ]

    private var file: TabSeparatedFile

    package init(path: String, files: any FileStore) throws(DatasetError) {
        file = try TabSeparatedFile(path: path, columns: Self.columns, files: files)
    }

    /// Nil after the last row.
    package mutating func next() throws(DatasetError) -> DeskdropEvent? {
        guard let row = try file.nextRow() else { return nil }
        return DeskdropEvent(
            occurredAt: WallTime(milliseconds: try file.integer(row, 0, as: UInt64.self) &* 1_000),
            action: try action(row[1]), contentID: try file.text(row, 2, maxBytes: 64),
            personID: try file.text(row, 3, maxBytes: 64), sessionID: try file.text(row, 4, maxBytes: 64),
            device: row[5] == "unknown" ? "" : String(row[5].prefix(64)), country: try country(row[7]))
    }

    private func action(_ name: Substring) throws(DatasetError) -> RecordedAction {
        switch name {
        case "VIEW": .click
        case "LIKE": .like
        case "BOOKMARK": .bookmark
        case "COMMENT", "COMMENT CREATED": .comment
        case "FOLLOW": .follow
        default: throw file.failure(.invalidField, "unknown eventType \"\(name.prefix(64))\"")
        }
    }

    private func country(_ code: Substring) throws(DatasetError) -> String {
        guard code.isEmpty || (code.utf8.count == 2 && code.utf8.allSatisfy { (65...90).contains($0) }) else {
            throw file.failure(.invalidField, "userCountry is \"\(code.prefix(64))\", not two capital letters")
        }
        return String(code)
    }
}
