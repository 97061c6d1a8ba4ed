// The cursors of groups on the disk: a file a group, of which the newest two generations that verify are kept.
//
// gHHHHHHHHHHHHHHHH-GGGGGGGGGGGGGGGG.cursor: 64 bits of SHA-256 of "topic/name", generation (16 hexadecimal digits each).
// How they are replaced is GenerationFile's.
//
// | bytes | field                                                                    |
// |-------|--------------------------------------------------------------------------|
// | 0-3   | magic "MRGC"                                                             |
// | 4-7   | CRC32C over bytes 8 to the end                                           |
// | 8-11  | format, 1                                                                |
// | 12-19 | committed at, milliseconds since 1970                                    |
// | 20-   | name, topic (LEB128 length, UTF-8), cursor (StreamCursor)                |

package import ClusterModel
package import NodeEnvironment
import Personalization

/// A group's durable cursor.
package struct CommittedCursor: Hashable, Sendable {
    package var cursor: StreamCursor
    package var committedAt: WallTime

    package init(cursor: StreamCursor, committedAt: WallTime) {
        self.cursor = cursor
        self.committedAt = committedAt
    }
}

/// Reads and writes groups' files in one directory. Blocks on the disk.
package struct GroupFiles: Sendable {
    private static let magic: UInt32 = 0x4347_524d  // "MRGC"
    private static let format: UInt32 = 1
    private static let suffix = ".cursor"
    private static let maxBytes = SealedToken.maxCursorBytes + 1_024

    private let directory: String
    private let files: any FileStore

    package init(directory: String, files: any FileStore) {
        self.directory = directory
        self.files = files
    }

    /// What the directory holds.
    package struct Loaded: Sendable {
        package var groups: [StreamGroup: CommittedCursor] = [:]
        /// Keys of groups of which no generation verifies, and why.
        package var damaged: [UInt64: String] = [:]
    }

    /// The newest generation of each group that verifies. An older cursor repeats effects and skips none. Groups beyond
    /// `limit` count as damaged: none may be taken for one that is new.
    package func load(limit: Int) throws(FileError) -> Loaded {
        var loaded = Loaded()
        guard files.exists(directory) else { return loaded }
        for (key, names) in try namesByKey().sorted(by: { $0.key < $1.key }) {
            guard loaded.groups.count < limit else {
                loaded.damaged[key] = "\(Self.stem(key)): more than \(limit) groups"
                continue
            }
            let found = try file(key).load(among: names) { try Self.decode($0) }
            if let (group, cursor) = found.newest?.value {
                loaded.groups[group] = cursor
            } else {
                loaded.damaged[key] = found.refused.joined(separator: "; ")
            }
        }
        return loaded
    }

    /// What crashes left of cursors that were being written. For a start.
    package func removeUnfinished() throws(FileError) {
        try GenerationFile.removeUnfinished(in: directory, files: files)
    }

    /// The group's newest generation is `cursor` once this returns.
    package func save(_ cursor: CommittedCursor, of group: StreamGroup) throws(FileError) {
        let bytes = Self.encode(cursor, of: group)
        _ = try file(Self.key(of: group)).save(bytes) { try Self.decode($0) }
    }

    package func remove(_ group: StreamGroup) throws(FileError) { try file(Self.key(of: group)).removeAll() }

    package static func key(of group: StreamGroup) -> UInt64 {
        SHA256.hash(utf8: "\(group.topic.rawValue)/\(group.name)").words.0
    }

    // MARK: One file

    package static func encode(_ committed: CommittedCursor, of group: StreamGroup) -> [UInt8] {
        var writer = ByteWriter(reservingCapacity: 512)
        writer.write(magic)
        writer.write(UInt32(0))
        writer.write(format)
        writer.write(committed.committedAt.milliseconds)
        writer.write(group.name)
        writer.write(group.topic.rawValue)
        committed.cursor.encode(into: &writer)
        writer.overwrite(writer.checksum(of: 8..<writer.count), at: 4)
        return writer.bytes
    }

    package static func decode(_ bytes: [UInt8]) throws(ByteCodingError) -> (StreamGroup, CommittedCursor) {
        var reader = ByteReader(bytes)
        guard try reader.read(UInt32.self) == magic, try reader.read(UInt32.self) == bytes.checksum(of: 8..<bytes.count)
        else { throw ByteCodingError(.invalidValue(field: "magic or checksum"), at: 0) }
        guard try reader.read(UInt32.self) == format else {
            throw ByteCodingError(.invalidValue(field: "format"), at: 8)
        }
        let committedAt = WallTime(milliseconds: try reader.read())
        let name = try reader.readString(limit: StreamGroup.maxNameBytes)
        guard let topic = EffectTopic(rawValue: try reader.readString(limit: StreamGroup.maxNameBytes)),
            let group = StreamGroup(name: name, topic: topic)
        else { throw ByteCodingError(.invalidValue(field: "group"), at: reader.offset) }
        return (group, CommittedCursor(cursor: try StreamCursor(from: &reader), committedAt: committedAt))
    }

    // MARK: Names

    private func file(_ key: UInt64) -> GenerationFile {
        GenerationFile(Self.stem(key), suffix: Self.suffix, in: directory, maxBytes: Self.maxBytes, files: files)
    }

    /// One listing for all groups.
    private func namesByKey() throws(FileError) -> [UInt64: [String]] {
        var names: [UInt64: [String]] = [:]
        for name in try files.list(directory) {
            guard let stem = GenerationName.stem(of: name, suffix: Self.suffix), stem.first == "g",
                let key = UInt64(stem.dropFirst(), radix: 16), Self.stem(key) == stem
            else { continue }
            names[key, default: []].append(name)
        }
        return names
    }

    private static func stem(_ key: UInt64) -> String {
        let text = String(key, radix: 16)
        return "g" + String(repeating: "0", count: 16 - text.count) + text
    }
}
