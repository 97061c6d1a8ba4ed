// FAULTS 3.12: the newest of every file that a node replaces is damaged, and the node goes on for two generations.

import ClusterModel
import EventLog
import NodeEnvironment
import RegionMirror
import ServingAPI
import SimulatedEnvironment
import Testing

@testable import MeridianNode
@testable import Personalization
@testable import SegmentLog

/// One kind of file: how its n-th version is written, and which version is found.
private struct ReplacedFile: Sendable, CustomStringConvertible {
    let description: String
    /// Of its generations.
    let path: String
    /// Both generations hold one content: an older one in its place would be wrong.
    let isCopied: Bool
    let write: @Sendable (UInt64, SimulatedFileStore) throws -> Void
    /// Nil where nothing that is there serves.
    let read: @Sendable (SimulatedFileStore) throws -> UInt64?
}

extension ReplacedFile {
    private static let journal: UInt64 = 77

    private static func directory(_ files: SimulatedFileStore) -> JournalDirectory {
        JournalDirectory(path: "data", files: files)
    }

    private static func lines(_ version: UInt64) throws -> OriginLines {
        var lines = OriginLines()
        for offset in 0..<version {
            let kind: RecordKind = offset == 0 ? .opening : .timeMark
            let body = offset == 0 ? OpeningRecord(predecessor: nil, applyVersion: 1).body : []
            try lines.onRecord(
                EventRecord(
                    kind: kind, stamp: HybridStamp(rawValue: version), id: EventID(time: 0, client: 0), body: body),
                in: RegionNumber(1), Incarnation(5), at: Offset(offset))
        }
        return lines
    }

    private static func version(_ lines: OriginLines?) -> UInt64? {
        lines.map { $0.next(in: RegionNumber(1), Incarnation(5)).rawValue }
    }

    private static let store = { @Sendable (files: SimulatedFileStore) in
        SnapshotStore(directory: "data/snapshots", files: files)
    }

    static let shard = ReplacedFile(
        description: "a shard's snapshot", path: "data/snapshots/p0000-", isCopied: false,
        write: { version, files in
            var state = ShardState(partition: PartitionID(0))
            state.lines = try lines(version)
            try store(files).save(ShardSnapshot.encode(state), of: PartitionID(0))
        }, read: { version(try store($0).load(PartitionID(0)).state?.lines) })

    static let content = ReplacedFile(
        description: "the catalogue's snapshot", path: "data/snapshots/content-", isCopied: false,
        write: { version, files in
            let state = ContentState(catalogue: Catalogue(limit: 8), lines: try lines(version))
            try store(files).saveContent(ContentSnapshot.encode(state))
        }, read: { version(try store($0).loadContent(limit: 8).state?.lines) })

    static let group = ReplacedFile(
        description: "a group's cursor", path: "data/groups/g", isCopied: false,
        write: { version, files in
            let group = try #require(StreamGroup(name: "a", topic: .userEvents))
            try GroupFiles(directory: "data/groups", files: files).save(
                CommittedCursor(cursor: StreamCursor([:]), committedAt: WallTime(milliseconds: version)), of: group)
        },
        read: {
            try GroupFiles(directory: "data/groups", files: $0).load(limit: 4).groups.values.first?.committedAt
                .milliseconds
        })

    static let seals = ReplacedFile(
        description: "the seals", path: "data/seals-", isCopied: true,
        write: { version, files in
            var book = SealBook()
            _ = book.seal(RegionNumber(1), below: Incarnation(version))
            try SealFile(directory: "data", files: files).save(book)
        },
        read: { files in
            let book = try SealFile(directory: "data", files: files).load()
            return (1...9 as ClosedRange<UInt64>).last { book.covers(RegionNumber(1), below: Incarnation($0)) }
        })

    static let trimmed = ReplacedFile(
        description: "the bases of what was trimmed", path: "data/trimmed-", isCopied: true,
        write: { version, files in
            var prefix = TrimmedPrefix(journal: journal)
            prefix.firstGeneration = version
            try directory(files).writeTrimmed(prefix)
        }, read: { try directory($0).readTrimmed(of: journal, isStarting: true).firstGeneration })

    static let index = ReplacedFile(
        description: "the index of a clean stop", path: "data/index-", isCopied: false,
        write: { version, files in
            try directory(files).writeIndex(
                JournalIndex(
                    journal: journal, sequence: version, tail: JournalTail(generation: 0, end: 0, group: 3),
                    segments: [], table: LogTable(), producers: ProducerBook()))
        },
        read: { files in
            try (1...9 as ClosedRange<UInt64>).last { version in
                let mark = Mark(journal: journal, sequence: version, group: 3, isClean: true)
                return try directory(files).readIndex(of: mark) != nil
            }
        })

    static let journalIdentity = ReplacedFile(
        description: "the journal's identity", path: "data/journal-", isCopied: true,
        write: { version, files in
            try directory(files).writeIdentity(
                JournalIdentity(journal: journal, storage: StorageIdentity(device: 1, inode: version)))
        }, read: { try directory($0).readIdentity(isStarting: true)?.storage.inode })

    static let identity = ReplacedFile(
        description: "the directory's identity", path: "data/identity-", isCopied: true,
        write: { version, files in
            let identity = DirectoryIdentity(
                deployment: "shop", region: RegionNumber(UInt16(version)), regionName: "aws-us", partitions: .standard)
            try DirectoryIdentity.copies(in: "data", files: files).save(identity.encode()) {
                _ = try DirectoryIdentity(decoding: $0)
            }
        },
        read: {
            try DirectoryIdentity.copies(in: "data", files: $0).load { try DirectoryIdentity(decoding: $0) }.newest
                .map { UInt64($0.value.region.rawValue) }
        })

    static let all = [shard, content, group, seals, trimmed, index, journalIdentity, identity]
}

@Suite struct ReplacedFileTests {
    private func generations(_ kind: ReplacedFile, _ files: SimulatedFileStore) -> [String] {
        files.paths().filter { $0.hasPrefix(kind.path) }
    }

    private func damage(_ kind: ReplacedFile, _ files: SimulatedFileStore) throws {
        let newest = try #require(generations(kind, files).last)
        files.flipBit(of: newest, byte: 9, bit: 3)
    }

    @Test("FAULTS 3.12: the good one stays until a newer one verifies", arguments: ReplacedFile.all)
    fileprivate func damagedNewest(kind: ReplacedFile) throws {
        let files = SimulatedFileStore()
        try kind.write(1, files)
        try kind.write(2, files)
        try damage(kind, files)
        // What serves meanwhile; of a promise the same one.
        #expect(try kind.read(files) == (kind.isCopied ? 2 : 1))
        try kind.write(3, files)
        #expect(try kind.read(files) == 3)
        try damage(kind, files)
        #expect(try kind.read(files) == (kind.isCopied ? 3 : 1))
        for version in 4...5 as ClosedRange<UInt64> { try kind.write(version, files) }
        #expect(try kind.read(files) == 5)
        #expect(generations(kind, files).count == GenerationChoice.kept, "\(files.paths())")
        try damage(kind, files)
        #expect(try kind.read(files) == (kind.isCopied ? 5 : 4))
    }

    @Test("FAULTS 1.17: power may go at any operation: old or new, never none", arguments: ReplacedFile.all)
    fileprivate func powerCut(kind: ReplacedFile) throws {
        for survivors in Survivors.allCases {
            for cut in 0..<12 {
                let files = SimulatedFileStore()
                try kind.write(1, files)
                try kind.write(2, files)
                var generator = SeededGenerator(seed: UInt64(cut))
                var faults = DiskFaults()
                // The sync of the new content fails, at first or later, and then the power.
                faults.syncsBeforeFailure = cut % 3
                files.setFaults(faults)
                let isWritten = (try? kind.write(3, files)) != nil
                files.setFaults(DiskFaults())
                files.crash(using: &generator, keeping: survivors)
                let found = try kind.read(files)
                #expect(found == 3 || (!isWritten && found == 2), "\(survivors), \(cut): \(found ?? 0)")
            }
        }
    }

    @Test("the key that a node makes for itself survives the damage of either copy, and is not replaced without both")
    func ownKey() throws {
        let stepped = SteppedEnvironment(seed: 1)
        func keyring() throws -> TokenKeyring {
            // Another random source each time: a key that was made anew would be another one.
            let entropy = SteppedEnvironment(seed: UInt64(stepped.files.paths().count)).environment.entropy
            return try TokenKeyFiles(files: stepped.files).keyring([], directory: "data", entropy: entropy)
        }
        let first = try keyring()
        let token = try ItemToken(contentID: "c", category: 3, language: "en").sealed(with: first)
        func paths() -> [String] { stepped.files.paths().filter { $0.hasPrefix("data/token-") } }
        #expect(paths().count == 2)
        for copy in 0...1 {
            stepped.files.flipBit(of: paths()[copy], byte: 20, bit: 1)
            #expect(throws: Never.self) { try ItemToken(opening: token, with: keyring()) }
        }
        for path in paths() { stepped.files.flipBit(of: path, byte: 20, bit: 1) }
        let error = #expect(throws: NodeError.self) { try keyring() }
        #expect(error?.code == .badKey)
    }
}
