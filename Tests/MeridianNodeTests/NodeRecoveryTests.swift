// What a start makes of a disk that holds several origins' logs: S1, S1a, S3.

import ClusterModel
import EventLog
import NodeEnvironment
import Personalization
import SegmentLog
import SimulatedEnvironment
import Testing

@testable import MeridianNode

@Suite struct NodeRecoveryTests {
    /// A disk, written batch by batch.
    private struct Disk {
        let stepped = SteppedEnvironment(seed: 1)
        let configuration: NodeConfiguration

        init() throws {
            let yaml = """
                deployment: {id: shop, partitions: 1}
                region: {name: aws-us, number: 1}
                node: {name: n1}
                log: {directory: journal}

                """
            var configuration = try NodeConfiguration(yaml: yaml, file: "node.yaml")
            configuration.peers = [.init(region: "gcp-eu", number: RegionNumber(2), endpoints: [])]
            self.configuration = configuration
        }

        /// One batch a log, in order.
        func write(_ logs: [(region: UInt16, incarnation: UInt64, records: [EventRecord])]) async throws {
            let log = try SegmentLog.open(directory: configuration.log.directory, environment: stepped.environment)
            for (region, incarnation, records) in logs {
                let name = LogName(region: RegionNumber(region), topic: .userEvents, partition: PartitionID(0))
                try log.submit(
                    EncodedBatch(
                        sealing: records, of: LogIdentity(name: name, incarnation: Incarnation(incarnation)),
                        epoch: Epoch(1), baseOffset: .zero, previousDigest: .zero))
            }
            await log.close()
        }

        func recover() throws -> NodeRecovery {
            try NodeRecoveryRun(configuration, environment: stepped.environment, acceptsCorruption: false).runHere()
        }
    }

    private static let none = EventID(time: 0, client: 0)

    private func record(_ kind: RecordKind, _ body: [UInt8] = [], id: EventID = none) -> EventRecord {
        EventRecord(kind: kind, stamp: HybridStamp(at: WallTime(milliseconds: 1_000)), id: id, body: body)
    }

    private func opening(_ predecessor: (incarnation: UInt64, end: UInt64)? = nil) -> EventRecord {
        let named = predecessor.map {
            OpeningRecord.Predecessor(incarnation: Incarnation($0.incarnation), end: Offset($0.end), digest: .zero)
        }
        return record(.opening, OpeningRecord(predecessor: named, applyVersion: 1).body)
    }

    private func ends(
        _ ends: [(incarnation: UInt64, end: UInt64)], on: EndsPoint = .genesis
    ) throws -> EventRecord {
        let record = EndsRecord(
            on: on, ends.map { .init(incarnation: Incarnation($0.incarnation), end: Offset($0.end)) })
        return self.record(.ends, try #require(record).body)
    }

    private func click(_ client: UInt64) -> EventRecord {
        let event = UserEvent.interaction(
            InteractionEvent(
                user: UserKey(userID: "user-\(client)"), kind: .click, contentID: "c",
                occurredAt: WallTime(milliseconds: 1_000)))
        return record(event.kind, event.body, id: EventID(time: 1_000 << 16, client: client))
    }

    /// S1a: what a disk holds beyond an agreed end is cut by folding anew, whether a snapshot holds it or not.
    @Test(arguments: [false, true]) func whatAgreedEndsCutIsFoldedAnew(withSnapshot: Bool) async throws {
        let disk = try Disk()
        let first = EndsLink(number: Incarnation(5), record: try #require(EndsRecord([]))).point
        let old = (region: UInt16(2), incarnation: UInt64(5), records: [opening(), try ends([]), click(1), click(2)])
        if withSnapshot {
            var state = ShardState(partition: PartitionID(0))
            for (offset, record) in old.records.enumerated() {
                try state.apply(record, in: RegionNumber(2), Incarnation(5), at: Offset(UInt64(offset)))
            }
            try SnapshotStore(
                directory: NodeRecoveryRun.snapshotDirectory(disk.configuration), files: disk.stepped.files
            ).save(ShardSnapshot.encode(state), of: PartitionID(0))
        }
        try await disk.write([
            old, (1, 6, [opening(), try ends([]), click(3)]),
            (2, 9, [opening(), try ends([(5, 3)], on: first), click(4)]),
        ])
        let recovery = try disk.recover()
        #expect(recovery.refoldedShards == 1 && recovery.restoredShards == (withSnapshot ? 1 : 0))
        let state = recovery.shards[0]
        #expect([1, 2, 3, 4].map { state.user(UserKey(userID: "user-\($0)")) != nil } == [true, false, true, true])
        #expect(state.lines.next(in: RegionNumber(2), Incarnation(9)) == Offset(3))
        #expect(!state.lines.exceedsAgreedEnds && state.lines.isSettled(RegionNumber(2), Incarnation(5)))
        // What a mesh is told before it serves.
        let name = LogName(region: RegionNumber(2), topic: .userEvents, partition: PartitionID(0))
        #expect(recovery.agreedEnds.contains { $0.ends.name == name && $0.ends.writer == Incarnation(9) })
        recovery.log.abandon()
    }

    /// S1: batches wait for what they stand on, in whatever order the disk has them.
    @Test func linesAreFoldedInTheirOwnOrder() async throws {
        let disk = try Disk()
        try await disk.write([
            (2, 9, [opening((7, 2)), try ends([(5, 2), (7, 2)]), click(3)]), (2, 7, [opening((5, 2)), click(2)]),
            (2, 5, [opening(), click(1)]),
        ])
        let recovery = try disk.recover()
        #expect(recovery.shards[0].userCount == 3 && recovery.refoldedShards == 0)
        #expect(recovery.shards[0].lines.hasApplied(endsOf: Incarnation(9), in: RegionNumber(2)))
        recovery.log.abandon()
    }

    /// S6, S7: after a clean stop a node whose snapshots cover its logs reads nothing of the journal's segments, and ends up
    /// with the same state; without them, or after a death, it folds all of it.
    @Test func snapshotsAfterACleanStopSpareTheJournal() async throws {
        let disk = try Disk()
        try await disk.write([
            (1, 6, [opening(), try ends([]), click(1)]), (2, 9, [opening(), try ends([]), click(2), click(3)]),
        ])
        let first = try disk.recover()
        #expect(first.shards[0].userCount == 3 && first.restoredShards == 0)
        try SnapshotStore(
            directory: NodeRecoveryRun.snapshotDirectory(disk.configuration), files: disk.stepped.files
        ).save(ShardSnapshot.encode(first.shards[0]), of: PartitionID(0))
        await first.log.close()
        let files = CountingFiles(disk.stepped.files)
        let base = disk.stepped.environment
        let counted = NodeEnvironment(
            clock: base.clock, entropy: base.entropy, executors: base.executors, files: files, links: base.links)
        for isClean in [true, false] {
            files.reads = CountingFiles.Reads()
            let again = try NodeRecoveryRun(disk.configuration, environment: counted, acceptsCorruption: false)
                .runHere()
            #expect(again.restoredShards == 1 && again.log.recovered.wasCleanStop == isClean)
            #expect((files.reads == CountingFiles.Reads()) == isClean)
            var (before, after) = (first.shards[0], again.shards[0])
            #expect(before.digest() == after.digest() && before.vector == after.vector)
            #expect(again.plan.beginnings[0].opening == first.plan.beginnings[0].opening)
            again.log.abandon()
        }
    }

    /// A state of region 1's line that applied `records`, as a snapshot.
    private func save(_ records: [EventRecord], _ disk: Disk) throws {
        var state = ShardState(partition: PartitionID(0))
        for (offset, record) in records.enumerated() {
            try state.apply(record, in: RegionNumber(1), Incarnation(6), at: Offset(UInt64(offset)))
        }
        try SnapshotStore(
            directory: NodeRecoveryRun.snapshotDirectory(disk.configuration), files: disk.stepped.files
        ).save(ShardSnapshot.encode(state), of: PartitionID(0))
    }

    @Test("S6, S8: a snapshot ahead of its log falls back to the older one, and counts no more")
    func aheadOfItsLog() async throws {
        let disk = try Disk()
        let records = [opening(), try ends([]), click(1), click(2), click(3)]
        try save(Array(records.prefix(3)), disk)
        // The log lost its last record, which the newer snapshot has.
        try save(records, disk)
        try await disk.write([(1, 6, Array(records.prefix(4)))])
        let recovery = try disk.recover()
        #expect(recovery.restoredShards == 1)
        #expect(recovery.shards[0].lines.next(in: RegionNumber(1), Incarnation(6)) == Offset(4))
        #expect(recovery.shards[0].userCount == 2)
        #expect(recovery.refusedSnapshots.count == 1)
        recovery.log.abandon()
        // The next start does not meet it, and the next snapshot does not push the good one out for it.
        let again = try disk.recover()
        #expect(again.restoredShards == 1 && again.refusedSnapshots.isEmpty)
        let store = SnapshotStore(
            directory: NodeRecoveryRun.snapshotDirectory(disk.configuration), files: disk.stepped.files)
        let kept = try store.save(ShardSnapshot.encode(again.shards[0]), of: PartitionID(0)).kept
        #expect(kept.map { $0.lines.next(in: RegionNumber(1), Incarnation(6)) } == [Offset(3), Offset(4)])
        again.log.abandon()
    }

    @Test("S6: with no older one the log is folded from its start")
    func aloneAheadOfItsLog() async throws {
        let disk = try Disk()
        let records = [opening(), try ends([]), click(1), click(2)]
        try save(records, disk)
        try await disk.write([(1, 6, Array(records.prefix(3)))])
        let recovery = try disk.recover()
        #expect(recovery.restoredShards == 0 && recovery.shards[0].userCount == 1)
        recovery.log.abandon()
    }

    /// S3: another region's log of a newer version stops when it is followed; an own one keeps the node from starting.
    @Test func onlyOwnLogsKeepANodeFromStarting() async throws {
        let foreign = try Disk()
        try await foreign.write([(2, 5, [opening(), record(RecordKind(rawValue: 900)), click(1)])])
        let recovery = try foreign.recover()
        #expect(recovery.shards[0].lines.next(in: RegionNumber(2), Incarnation(5)) == Offset(1))
        recovery.log.abandon()
        let own = try Disk()
        try await own.write([(1, 5, [opening(), record(RecordKind(rawValue: 900))])])
        #expect(throws: NodeError.self) { try own.recover() }
    }

    /// S1: the opening names what this node has applied, so that it can begin: an own line that came back in part waits.
    @Test func openingsNameWhatIsApplied() async throws {
        let disk = try Disk()
        try await disk.write([
            (1, 3, [opening(), click(1)]), (1, 8, [opening((6, 40)), click(2)]),
        ])
        let recovery = try disk.recover()
        #expect(recovery.plan.beginnings[0].opening.predecessor?.incarnation == Incarnation(3))
        #expect(recovery.plan.beginnings[0].opening.predecessor?.end == Offset(2))
        #expect(recovery.plan.incarnation > Incarnation(8))
        var state = recovery.shards[0]
        let first = record(.opening, recovery.plan.beginnings[0].opening.body)
        try state.apply(first, in: RegionNumber(1), recovery.plan.incarnation, at: .zero)
        recovery.log.abandon()
    }
}
