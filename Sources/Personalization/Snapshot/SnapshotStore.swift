// The snapshot files of a node: two generations a partition, replaced as wholes.
//
// pPPPP-GGGGGGGGGGGGGGGG.snapshot: partition (four digits) and generation (sixteen hexadecimal digits);
// content-GGGGGGGGGGGGGGGG.snapshot for the catalogue. A file is written under another name, synced and renamed, so what has
// the name is whole; damage is found by its checksum.

package import ClusterModel
package import NodeEnvironment

/// A file that was written, synced and read back.
package struct SavedSnapshot: Hashable, Sendable {
    package var generation: UInt64
    package var length: UInt64
    /// CRC32C of all its bytes.
    package var checksum: UInt32
}

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

    /// The same for the catalogue.
    package func loadContent(limit: Int) throws(FileError) -> (state: ContentState?, refused: [String]) {
        try load(Self.contentPrefix) { bytes throws(SnapshotError) in
            try ContentSnapshot.decode(bytes, limit: limit)
        }
    }

    /// `partitions` by the length of their newest snapshots, whether these verify or not, the shortest first. One that
    /// cannot be opened counts as empty: who loads it hears why.
    package func ascendingBySize(_ partitions: [PartitionID]) throws(FileError) -> [PartitionID] {
        guard files.exists(directory) else { return partitions }
        // One listing for all, in which each newest generation comes behind the older ones.
        var newest: [Substring: String] = [:]
        for name in try files.list(directory).sorted() where name.hasSuffix(Self.suffix) {
            newest[name.prefix { $0 != "-" }] = name
        }
        let sizes = partitions.map { partition in
            (partition: partition, bytes: newest[Self.prefix(partition).dropLast()].map(length) ?? 0)
        }
        return sizes.sorted { ($0.bytes, $1.partition) < ($1.bytes, $0.partition) }.map(\.partition)
    }

    private func length(of name: String) -> UInt64 {
        do {
            let file = try files.open("\(directory)/\(name)", .read)
            defer { file.close() }
            return try file.length()
        } catch {
            return 0
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
    @discardableResult
    package func save(_ bytes: [UInt8], of partition: PartitionID) throws(FileError) -> SavedSnapshot {
        try save(bytes, Self.prefix(partition))
    }

    /// The same for the catalogue.
    @discardableResult
    package func saveContent(_ bytes: [UInt8]) throws(FileError) -> SavedSnapshot {
        try save(bytes, Self.contentPrefix)
    }

    /// A kept generation, as it was saved. Throws `.notFound` for one that is gone.
    package func open(_ partition: PartitionID, generation: UInt64) throws(FileError) -> any StoredFile {
        try files.open(path(Self.prefix(partition), generation), .read)
    }

    /// The same for the catalogue.
    package func openContent(generation: UInt64) throws(FileError) -> any StoredFile {
        try files.open(path(Self.contentPrefix, generation), .read)
    }

    private func save(_ bytes: [UInt8], _ prefix: String) throws(FileError) -> SavedSnapshot {
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
        return SavedSnapshot(
            generation: generation, length: UInt64(bytes.count), checksum: CRC32C.checksum(bytes))
    }

    private func path(_ prefix: String, _ generation: UInt64) -> String {
        "\(directory)/\(prefix)\(Self.digits(generation, radix: 16, 16))\(Self.suffix)"
    }

    /// Ascending.
    private func generations(_ prefix: String) throws(FileError) -> [UInt64] {
        try files.list(directory).compactMap { name in
            guard name.hasPrefix(prefix), name.hasSuffix(Self.suffix) else { return nil }
            return UInt64(name.dropFirst(prefix.count).dropLast(Self.suffix.count), radix: 16)
        }.sorted()
    }

    private static let contentPrefix = "content-"
    private static let suffix = ".snapshot"

    private static func prefix(_ partition: PartitionID) -> String {
        "p\(digits(UInt64(partition.rawValue), radix: 10, 4))-"
    }

    private static func digits(_ value: UInt64, radix: Int, _ width: Int) -> String {
        let text = String(value, radix: radix)
        return String(repeating: "0", count: max(0, width - text.count)) + text
    }
}
