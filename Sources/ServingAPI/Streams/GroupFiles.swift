// The cursors of groups on the disk: a file a group in two generations, replaced as wholes.
//
// gHHHHHHHHHHHHHHHH-GGGGGGGGGGGGGGGG.cursor: 64 bits of SHA-256 of "topic/name", generation (16 hexadecimal digits each).
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
    private static let generations = 2
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
        for (key, generations) in try generations().sorted(by: { $0.key < $1.key }) {
            guard loaded.groups.count < limit else {
                loaded.damaged[key] = "\(Self.prefix(key)): more than \(limit) groups"
                continue
            }
            var reason = ""
            var found: (StreamGroup, CommittedCursor)?
            for generation in generations.reversed() where found == nil {
                do {
                    found = try read(path(key, generation))
                } catch {
                    reason = "\(path(key, generation)): \(error)"
                }
            }
            if let found { loaded.groups[found.0] = found.1 } else { loaded.damaged[key] = reason }
        }
        return loaded
    }

    /// The group's newest generation is `cursor` once this returns.
    package func save(_ cursor: CommittedCursor, of group: StreamGroup) throws(FileError) {
        try files.createDirectory(directory)
        let key = Self.key(of: group)
        let known = try generations()[key] ?? []
        let temporary = "\(directory)/\(Self.prefix(key))new"
        let file = try files.open(temporary, .createOrReplace)
        defer { file.close() }
        try file.write(Self.encode(cursor, of: group), at: 0)
        try file.synchronizeData()
        try files.rename(temporary, to: path(key, (known.last ?? 0) + 1))
        try files.syncDirectory(directory)
        // The cursor stands; what is left behind is removed with the next one.
        for old in known.dropLast(Self.generations - 1) { try? files.remove(path(key, old)) }
    }

    package func remove(_ group: StreamGroup) throws(FileError) {
        guard files.exists(directory) else { return }
        let key = Self.key(of: group)
        // The newest last: what a crash leaves is never an older cursor without a newer one.
        for generation in try generations()[key] ?? [] { try files.remove(path(key, generation)) }
        try files.syncDirectory(directory)
    }

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

    private func read(_ path: String) throws -> (StreamGroup, CommittedCursor) {
        let file = try files.open(path, .read)
        defer { file.close() }
        let length = try file.length()
        guard (8...UInt64(Self.maxBytes)).contains(length) else {
            throw ByteCodingError(.invalidValue(field: "length"), at: 0)
        }
        return try Self.decode(try file.read(at: 0, count: Int(length)))
    }

    // MARK: Names

    /// By key, ascending.
    private func generations() throws(FileError) -> [UInt64: [UInt64]] {
        var generations: [UInt64: [UInt64]] = [:]
        for name in try files.list(directory) where name.hasPrefix("g") && name.hasSuffix(Self.suffix) {
            let parts = name.dropFirst().dropLast(Self.suffix.count).split(separator: "-")
            guard parts.count == 2, let key = UInt64(parts[0], radix: 16), let number = UInt64(parts[1], radix: 16)
            else { continue }
            generations[key, default: []].append(number)
        }
        return generations.mapValues { $0.sorted() }
    }

    private func path(_ key: UInt64, _ generation: UInt64) -> String {
        "\(directory)/\(Self.prefix(key))\(Self.digits(generation))\(Self.suffix)"
    }

    private static func prefix(_ key: UInt64) -> String { "g\(digits(key))-" }

    private static func digits(_ value: UInt64) -> String {
        let text = String(value, radix: 16)
        return String(repeating: "0", count: 16 - text.count) + text
    }
}
