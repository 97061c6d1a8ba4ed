// The file of `meridian publish --file`.
//
// UTF-8 text, one item a line: id, title, language, category, separated by tabs; the last two may be left out. Empty
// lines are skipped.

package import ClusterModel
package import MeridianProtocol
package import NodeEnvironment

/// Reads content items.
package enum ItemFile {
    /// A larger file is published in parts.
    package static let maxBytes: UInt64 = 64 << 20
    package static let itemsPerCall = 256

    /// Every line's item. Names the line that cannot be used. Blocks on the disk.
    package static func read(
        _ path: String, files: any FileStore, publishedAt: WallTime
    ) throws(OperatorFailure) -> [Meridian_V1_ContentItem] {
        let text = try text(of: path, files: files)
        var items: [Meridian_V1_ContentItem] = []
        for (number, line) in text.split(separator: "\n", omittingEmptySubsequences: false).enumerated() {
            let line = line.last == "\r" ? line.dropLast() : line
            if line.isEmpty { continue }
            let fields = line.split(separator: "\t", omittingEmptySubsequences: false).map(String.init)
            guard (2...4).contains(fields.count), !fields[0].isEmpty else {
                throw OperatorFailure(
                    .usage, "\(path):\(number + 1): \(fields.count) fields",
                    nextStep: "id, title, language and category, separated by tabs; the last two may be left out")
            }
            var item = Meridian_V1_ContentItem()
            item.contentID = fields[0]
            item.title = fields[1]
            item.language = fields.count > 2 ? fields[2] : ""
            item.category = fields.count > 3 ? fields[3] : ""
            item.publishedAtMs = publishedAt.milliseconds
            items.append(item)
        }
        return items
    }

    private static func text(of path: String, files: any FileStore) throws(OperatorFailure) -> String {
        let bytes: [UInt8]
        do throws(FileError) {
            let file = try files.open(path, .read)
            defer { file.close() }
            let length = try file.length()
            guard length <= maxBytes else { throw FileError(.noSpace, operation: "read", path: path) }
            bytes = try file.read(at: 0, count: Int(length))
        } catch {
            let isTooLong = error.operation == "read"
            throw OperatorFailure(
                .usage, isTooLong ? "\(path) has more than \(maxBytes) bytes" : "\(error)",
                nextStep: isTooLong ? "publish it in parts" : "give a file that can be read")
        }
        guard let text = String(validating: bytes, as: UTF8.self) else {
            throw OperatorFailure(.usage, "\(path) is not UTF-8", nextStep: "convert it: iconv -t utf-8")
        }
        return text
    }
}
