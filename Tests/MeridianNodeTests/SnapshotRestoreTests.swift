// A start's snapshots: side by side or one after another, the same; the hottest shard first; damage is stepped over.

import ClusterModel
import EventLog
import NodeEnvironment
import Personalization
import SimulatedEnvironment
import Synchronization
import Testing

@testable import MeridianNode

@Suite struct SnapshotRestoreTests {
    private static let partitions = 8

    private static func configuration() throws -> NodeConfiguration {
        let yaml = """
            deployment: {id: shop, partitions: \(partitions)}
            region: {name: aws-us, number: 1}
            node: {name: n1}
            log: {directory: journal}

            """
        return try NodeConfiguration(yaml: yaml, file: "node.yaml")
    }

    private static func state(_ partition: Int, users: Int) throws -> ShardState {
        var state = ShardState(partition: PartitionID(UInt32(partition)))
        let opening = OpeningRecord(predecessor: nil, applyVersion: 1)
        var records = [
            EventRecord(kind: .opening, stamp: .zero, id: EventID(time: 0, client: 0), body: opening.body)
        ]
        for user in 0..<users {
            let event = UserEvent.interaction(
                InteractionEvent(
                    user: UserKey(userID: "user-\(user)"), kind: .click, contentID: "c",
                    occurredAt: WallTime(milliseconds: 1_000)))
            let id = EventID(time: 1_000 << 16, client: UInt64(user))
            records.append(EventRecord(kind: event.kind, stamp: .zero, id: id, body: event.body))
        }
        for (offset, record) in records.enumerated() {
            try state.apply(record, in: RegionNumber(1), Incarnation(5), at: Offset(UInt64(offset)))
        }
        return state
    }

    /// Two generations each; partition p has p x 3 mod 8 users in the older one, and one more in the newer.
    private static func write(_ files: some FileStore) throws {
        let store = SnapshotStore(directory: "journal/snapshots", files: files)
        for more in 0...1 {
            for partition in 0..<partitions {
                let state = try state(partition, users: partition * 3 % partitions + more)
                try store.save(ShardSnapshot.encode(state), of: PartitionID(UInt32(partition)))
            }
        }
    }

    @Test func manyThreadsFindWhatOneFinds() async throws {
        let stepped = SteppedEnvironment(seed: 1)
        try Self.write(stepped.files)
        for (partition, generation) in [(3, 2), (5, 1), (5, 2)] {
            let path = "journal/snapshots/p000\(partition)-000000000000000\(generation).snapshot"
            stepped.files.flipBit(of: path, byte: 60, bit: 3)
        }
        let restore = SnapshotRestore(try Self.configuration(), environment: stepped.environment)
        let (alone, beside) = (try restore.runHere(), try await restore.run())
        #expect(alone.shards.map { $0?.userCount } == [1, 4, 7, 1, 5, nil, 3, 6])
        #expect(alone.refused.count == 3 && Set(beside.refused) == Set(alone.refused))
        for (one, other) in zip(alone.shards, beside.shards) {
            var (one, other) = (one, other)
            #expect(one?.digest() == other?.digest() && one?.vector == other?.vector)
        }
        #expect(beside.content == nil && alone.content == nil)
    }

    @Test func theHottestComesFirst() async throws {
        let stepped = SteppedEnvironment(seed: 1)
        try Self.write(stepped.files)
        let base = stepped.environment
        let files = OpenedFiles(stepped.files)
        let environment = NodeEnvironment(
            clock: base.clock, entropy: base.entropy, executors: base.executors, files: files, links: base.links)
        _ = try await SnapshotRestore(try Self.configuration(), environment: environment).run()
        let loaded = files.opened.withLock { $0.suffix(Self.partitions) }
        #expect(loaded.map { $0.dropFirst("journal/snapshots/p000".count).first } == Array("52741630"))
    }

    @Test func aDirectoryWithoutSnapshotsRestoresNothing() async throws {
        let stepped = SteppedEnvironment(seed: 1)
        let found = try await SnapshotRestore(try Self.configuration(), environment: stepped.environment).run()
        #expect(found.shards.count == Self.partitions && found.shards.allSatisfy { $0 == nil } && found.refused.isEmpty)
    }
}

/// Notes which files are opened, in order.
private final class OpenedFiles: ForwardingFileStore {
    let base: any FileStore
    let opened = Mutex<[String]>([])

    init(_ base: any FileStore) { self.base = base }

    func open(_ path: String, _ mode: FileOpenMode) throws(FileError) -> any StoredFile {
        opened.withLock { $0.append(path) }
        return try base.open(path, mode)
    }
}
