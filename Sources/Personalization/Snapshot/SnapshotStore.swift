// The snapshot files of a node: two generations a partition, replaced as wholes.
//
// pPPPP-GGGGGGGGGGGGGGGG.snapshot: partition (four digits) and generation (sixteen hexadecimal digits);
// content-GGGGGGGGGGGGGGGG.snapshot for the catalogue. A file is written under another name, synced and renamed, so what has
// the name is whole; damage is found by its checksum.

package import ClusterModel
package import NodeEnvironment

/// Reads and writes snapshots in one directory. Blocks on the disk: for a dedicated executor, or before a node serves.
package struct SnapshotStore: Sendable {
    /// The newest can be damaged: the one before it is kept too.
    package static let generations = 2

    private let directory: String
    private let files: any FileStore

    package init(directory: String, files: any FileStore) {
        self.directory = directory
        self.files = files
    }

    /// The newest state of the partition that verifies, and why newer ones do not. Nil when none does: the log from its
    /// start serves then.
    package func load(_ partition: PartitionID) throws(FileError) -> (state: ShardState?, refused: [String]) {
        try load(Self.prefix(partition)) { bytes throws(SnapshotError) in
            try ShardSnapshot.decode(bytes, partition: partition)
        }
    }

    /// The length of the partition's newest snapshot, whether it verifies or not. Zero where there is none, or it cannot
    /// be opened: who loads it hears why.
    package func newestBytes(of partition: PartitionID) -> UInt64 {
        do {
            guard files.exists(directory), let newest = try generations(Self.prefix(partition)).last else { return 0 }
            let file = try files.open(path(Self.prefix(partition), newest), .read)
            defer { file.close() }
            return try file.length()
        } catch {
            return 0
        }
    }

    /// The same for the catalogue.
    package func loadContent(limit: Int) throws(FileError) -> (state: ContentState?, refused: [String]) {
        try load(Self.contentPrefix) { bytes throws(SnapshotError) in
            try ContentSnapshot.decode(bytes, limit: limit)
        }
    }

    private func load<State>(
        _ prefix: String, _ decode: ([UInt8]) throws(SnapshotError) -> State
    ) throws(FileError) -> (state: State?, refused: [String]) {
        var refused: [String] = []
        guard files.exists(directory) else { return (nil, []) }
        for generation in try generations(prefix).reversed() {
            let path = path(prefix, generation)
            do {
                let file = try files.open(path, .read)
                defer { file.close() }
                let length = try file.length()
                guard length <= UInt64(ShardSnapshot.maxBytes) else { throw SnapshotError.malformed("\(length) bytes") }
                let bytes = try file.read(at: 0, count: Int(length))
                return (try decode(bytes), refused)
            } catch {
                refused.append("\(path): \(error)")
            }
        }
        return (nil, refused)
    }

    /// Makes `bytes` the partition's newest generation and removes what is older than two. It is read back first: logs are
    /// trimmed behind snapshots that verify, and behind no others (S8). Throws `.io` where it does not read back.
    package func save(_ bytes: [UInt8], of partition: PartitionID) throws(FileError) {
        try save(bytes, Self.prefix(partition))
    }

    /// The same for the catalogue.
    package func saveContent(_ bytes: [UInt8]) throws(FileError) { try save(bytes, Self.contentPrefix) }

    private func save(_ bytes: [UInt8], _ prefix: String) throws(FileError) {
        try files.createDirectory(directory)
        let known = try generations(prefix)
        let generation = (known.last ?? 0) + 1
        let temporary = "\(directory)/\(prefix.dropLast()).new"
        let file = try files.open(temporary, .createOrReplace)
        defer { file.close() }
        try file.write(bytes, at: 0)
        try file.synchronizeData()
        guard try file.length() == UInt64(bytes.count), try file.read(at: 0, count: bytes.count) == bytes else {
            throw FileError(.io, operation: "verify", path: temporary)
        }
        try files.rename(temporary, to: path(prefix, generation))
        try files.syncDirectory(directory)
        for old in known.dropLast(Self.generations - 1) { try files.remove(path(prefix, old)) }
    }

    private func path(_ prefix: String, _ generation: UInt64) -> String {
        "\(directory)/\(prefix)\(Self.digits(generation, radix: 16, 16)).snapshot"
    }

    /// Ascending.
    private func generations(_ prefix: String) throws(FileError) -> [UInt64] {
        try files.list(directory).compactMap { name in
            guard name.hasPrefix(prefix), name.hasSuffix(".snapshot") else { return nil }
            return UInt64(name.dropFirst(prefix.count).dropLast(9), radix: 16)
        }.sorted()
    }

    private static let contentPrefix = "content-"

    private static func prefix(_ partition: PartitionID) -> String {
        "p\(digits(UInt64(partition.rawValue), radix: 10, 4))-"
    }

    private static func digits(_ value: UInt64, radix: Int, _ width: Int) -> String {
        let text = String(value, radix: radix)
        return String(repeating: "0", count: max(0, width - text.count)) + text
    }
}
