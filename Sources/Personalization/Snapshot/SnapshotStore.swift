// The snapshot files of a node: of each partition and of the catalogue the newest two generations that verify.
//
// pPPPP-GGGGGGGGGGGGGGGG.snapshot: partition (four digits) and generation (sixteen hexadecimal digits);
// content-GGGGGGGGGGGGGGGG.snapshot for the catalogue. How they are replaced is GenerationFile's.

package import ClusterModel
package import NodeEnvironment

/// Whose a snapshot is.
package struct SnapshotOwner: Hashable, Sendable, CustomStringConvertible {
    package let topic: TopicID
    package let partition: PartitionID

    package static let content = SnapshotOwner(topic: .content, partition: PartitionID(0))

    package static func shard(_ partition: PartitionID) -> SnapshotOwner {
        SnapshotOwner(topic: .userEvents, partition: partition)
    }

    package var description: String {
        self == .content ? "the catalogue" : "partition \(partition.rawValue)"
    }
}

/// A file that was written, synced, read back and verified.
package struct SavedSnapshot: Hashable, Sendable {
    package let generation: FileGeneration
    /// In bytes.
    package let length: UInt64
    /// CRC32C of all its bytes.
    package let checksum: UInt32
    /// What of its owner verifies now, oldest first, itself the last.
    package let kept: [SnapshotStore.Kept]
}

/// Reads and writes snapshots in one directory. Blocks on the disk: for a dedicated executor, or before a node serves.
package struct SnapshotStore: Sendable {
    /// What serves of an owner's generations, and why newer ones do not.
    package struct Restored<State> {
        /// Nil when none verifies: the log from its start serves then.
        package var state: State?
        package var generation: FileGeneration?
        package var refused: [String]
    }

    /// A generation on the disk that verifies, and what it covers.
    package struct Kept: Hashable, Sendable {
        package let generation: FileGeneration
        package let lines: OriginLines

        package init(generation: FileGeneration, lines: OriginLines) {
            self.generation = generation
            self.lines = lines
        }
    }

    private let directory: String
    private let files: any FileStore

    package init(directory: String, files: any FileStore) {
        self.directory = directory
        self.files = files
    }

    private func file(_ owner: SnapshotOwner) -> GenerationFile {
        GenerationFile(
            Self.stem(owner), suffix: Self.suffix, in: directory, maxBytes: ShardSnapshot.maxBytes, files: files)
    }

    /// The newest state of the partition that verifies, below `limit` where there is one.
    package func load(
        _ partition: PartitionID, below limit: FileGeneration? = nil
    ) throws(FileError) -> Restored<ShardState> {
        try load(.shard(partition), limit) { try ShardSnapshot.decode($0, partition: partition) }
    }

    /// The same for the catalogue. `contents`: its bound.
    package func loadContent(
        limit contents: Int, below limit: FileGeneration? = nil
    ) throws(FileError) -> Restored<ContentState> {
        try load(.content, limit) { try ContentSnapshot.decode($0, limit: contents) }
    }

    private func load<State>(
        _ owner: SnapshotOwner, _ limit: FileGeneration?, _ decode: ([UInt8]) throws -> State
    ) throws(FileError) -> Restored<State> {
        let loaded = try file(owner).load(below: limit, verify: decode)
        return Restored(
            state: loaded.newest?.value, generation: loaded.newest?.generation, refused: loaded.refused)
    }

    /// `partitions` by the length of their newest snapshots, whether these verify or not, the shortest first. One that
    /// cannot be opened counts as empty: who loads it hears why.
    package func ascendingBySize(_ partitions: [PartitionID]) throws(FileError) -> [PartitionID] {
        guard files.exists(directory) else { return partitions }
        // One listing for all, in which each newest generation comes behind the older ones.
        var newest: [String: String] = [:]
        for name in try files.list(directory).sorted() {
            if let stem = GenerationName.stem(of: name, suffix: Self.suffix) { newest[stem] = name }
        }
        let sizes = partitions.map { partition in
            (partition: partition, bytes: newest[Self.stem(.shard(partition))].map(length) ?? 0)
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

    /// Makes `bytes` the partition's newest generation, once it is read back and verifies: logs are trimmed behind snapshots
    /// that verify, and behind no others (S8). Throws `.io` where it does not read back.
    @discardableResult
    package func save(_ bytes: [UInt8], of partition: PartitionID) throws(FileError) -> SavedSnapshot {
        try save(bytes, .shard(partition)) { try ShardSnapshot.verifiedLines($0, partition: partition) }
    }

    /// The same for the catalogue.
    @discardableResult
    package func saveContent(_ bytes: [UInt8]) throws(FileError) -> SavedSnapshot {
        try save(bytes, .content) { try ContentSnapshot.verifiedLines($0) }
    }

    /// A kept generation, as it was saved. Throws `.notFound` for one that is gone.
    package func open(_ owner: SnapshotOwner, _ generation: FileGeneration) throws(FileError) -> any StoredFile {
        try files.open(file(owner).path(generation), .read)
    }

    private func save(
        _ bytes: [UInt8], _ owner: SnapshotOwner, _ verify: ([UInt8]) throws -> OriginLines
    ) throws(FileError) -> SavedSnapshot {
        let file = file(owner)
        let kept = try file.save(bytes, verify: verify).map { Kept(generation: $0.generation, lines: $0.value) }
        guard let generation = kept.last?.generation else {
            throw FileError(.io, operation: "keep", path: "\(directory)/\(file.name.stem)")
        }
        return SavedSnapshot(
            generation: generation, length: UInt64(bytes.count), checksum: CRC32C.checksum(bytes), kept: kept)
    }

    /// A snapshot that verifies and belongs to another log: it counts no more.
    package func setAside(_ generation: FileGeneration, of owner: SnapshotOwner) throws(FileError) {
        try file(owner).setAside(generation)
    }

    /// What crashes left of snapshots that were being written. For a start.
    package func removeUnfinished() throws(FileError) {
        try GenerationFile.removeUnfinished(in: directory, files: files)
    }

    private static let suffix = ".snapshot"

    private static func stem(_ owner: SnapshotOwner) -> String {
        guard owner != .content else { return "content" }
        let number = String(owner.partition.rawValue)
        return "p" + String(repeating: "0", count: max(0, 4 - number.count)) + number
    }
}

extension SnapshotStore.Restored: Sendable where State: Sendable {}
