// Where a bootstrap keeps what it has fetched so far: the directory "bootstrap" beside the journal, two files an item,
// `K-TTTTT-PPPPPPPPPP.part` with the bytes and `….want` with what they are to become; numbers in decimal.
//
// A `.want` file, replaced as a whole before the first byte of its `.part` is written:
//
// | bytes | field                                         |
// |-------|-----------------------------------------------|
// | 0-3   | magic "MRBW"                                  |
// | 4-7   | CRC32C over everything below                  |
// | 8-9   | version, 1                                    |
// | 10-11 | the source's region                           |
// | 12-   | PublishedSnapshot                             |

import ClusterModel
package import NodeEnvironment

/// Reads and writes one directory. Blocks on the disk.
package struct StagedSnapshots: Sendable {
    private static let magic: UInt32 = 0x5742_524d  // "MRBW"
    private static let longestWant = 64 << 20

    private let directory: String
    private let files: any FileStore
    private let limits: MirrorLimits

    /// `directory`: the journal's.
    package init(directory: String, files: any FileStore, limits: MirrorLimits = MirrorLimits()) {
        self.directory = "\(directory)/bootstrap"
        self.files = files
        self.limits = limits
    }

    private func path(_ item: SnapshotItem, _ suffix: String) -> String {
        func digits(_ number: UInt32, _ width: Int) -> String {
            let text = String(number)
            return String(repeating: "0", count: max(0, width - text.count)) + text
        }
        let kind = digits(UInt32(item.kind.rawValue), 1)
        let topic = digits(UInt32(item.topic.rawValue), 5)
        return "\(directory)/\(kind)-\(topic)-\(digits(item.partition.rawValue, 10)).\(suffix)"
    }

    /// What was begun for the item and not given up: where it may go on. Nil where there is nothing, or nothing that verifies.
    package func begun(_ item: SnapshotItem, pieceBytes: Int) throws(FileError) -> SnapshotDownload? {
        guard files.exists(path(item, "want")), files.exists(path(item, "part")) else { return nil }
        let file = try files.open(path(item, "want"), .read)
        defer { file.close() }
        let length = try file.length()
        guard length <= UInt64(Self.longestWant),
            var download = decode(try file.read(at: 0, count: Int(length))), download.snapshot.item == item
        else { return nil }
        let part = try files.open(path(item, "part"), .read)
        defer { part.close() }
        download.resume(behind: try part.length(), pieceBytes: pieceBytes)
        return download
    }

    /// Durable when it returns, with nothing fetched; what was fetched of another snapshot of the item is gone.
    package func begin(_ download: SnapshotDownload) throws(FileError) {
        try files.createDirectory(directory)
        let item = download.snapshot.item
        let part = try files.open(path(item, "part"), .createOrReplace)
        part.close()
        let file = try files.open(path(item, "new"), .createOrReplace)
        defer { file.close() }
        try file.write(encode(download), at: 0)
        try file.synchronizeData()
        try files.rename(path(item, "new"), to: path(item, "want"))
        try files.syncDirectory(directory)
    }

    /// Synced when it returns.
    package func write(_ bytes: [UInt8], at position: UInt64, of item: SnapshotItem) throws(FileError) {
        let file = try files.open(path(item, "part"), .readWrite)
        defer { file.close() }
        try file.write(bytes, at: position)
        try file.synchronizeData()
    }

    /// All bytes of what is complete; nil where they are not what they are to be.
    package func verified(_ snapshot: PublishedSnapshot) throws(FileError) -> [UInt8]? {
        let file = try files.open(path(snapshot.item, "part"), .read)
        defer { file.close() }
        guard snapshot.length <= limits.snapshotBytes, try file.length() >= snapshot.length else { return nil }
        let bytes = try file.read(at: 0, count: Int(snapshot.length))
        guard UInt64(bytes.count) == snapshot.length, CRC32C.checksum(bytes) == snapshot.checksum else { return nil }
        return bytes
    }

    /// Whether something is staged for the item.
    package func isBegun(_ item: SnapshotItem) -> Bool { files.exists(path(item, "want")) }

    /// Forgets what was fetched of the item. Idempotent.
    package func remove(_ item: SnapshotItem) throws(FileError) {
        var isChanged = false
        for suffix in ["want", "new", "part"] where files.exists(path(item, suffix)) {
            try files.remove(path(item, suffix))
            isChanged = true
        }
        if isChanged { try files.syncDirectory(directory) }
    }

    private func encode(_ download: SnapshotDownload) -> [UInt8] {
        var writer = ByteWriter()
        writer.write(Self.magic)
        writer.write(UInt32(0))
        writer.write(UInt16(1))
        writer.write(download.source.rawValue)
        download.snapshot.encode(into: &writer)
        writer.overwrite(writer.checksum(of: 8..<writer.count), at: 4)
        return writer.bytes
    }

    private func decode(_ bytes: [UInt8]) -> SnapshotDownload? {
        guard bytes.count > 12 else { return nil }
        var reader = ByteReader(bytes)
        do {
            guard try reader.read(UInt32.self) == Self.magic,
                try reader.read(UInt32.self) == bytes.checksum(of: 8..<bytes.count), try reader.read(UInt16.self) == 1
            else { return nil }
            let source = RegionNumber(try reader.read())
            let snapshot = try PublishedSnapshot(from: &reader, limits: limits)
            try reader.expectEnd()
            return SnapshotDownload(of: snapshot, from: source)
        } catch {
            return nil
        }
    }
}
