// What snapshots cover: two of a partition, the older one counts (S5, S8).

import ClusterModel
import EventLog
import NodeEnvironment
import Personalization
import Testing

@testable import MeridianNode

@Suite struct SnapshotCoverageTests {
    private static let partition = PartitionID(0)
    private static let origin = RegionNumber(1)

    private static func name(_ region: RegionNumber = origin) -> LogName {
        LogName(region: region, topic: .userEvents, partition: partition)
    }

    private static func log(_ incarnation: UInt64) -> LogIdentity {
        LogIdentity(name: name(), incarnation: Incarnation(incarnation))
    }

    private func record(_ kind: RecordKind, _ body: [UInt8] = [], atMilliseconds time: UInt64 = 1_000) -> EventRecord {
        EventRecord(
            kind: kind, stamp: HybridStamp(at: WallTime(milliseconds: time)), id: EventID(time: 0, client: 0),
            body: body)
    }

    /// An opening, its ends record, and time marks up to `end` records.
    private func lines(to end: UInt64, atMilliseconds time: UInt64 = 1_000_000) throws -> OriginLines {
        var lines = OriginLines()
        let opening = record(.opening, OpeningRecord(predecessor: nil, applyVersion: 1).body)
        try lines.onRecord(opening, in: Self.origin, Incarnation(5), at: .zero)
        try lines.onRecord(
            record(.ends, try #require(EndsRecord([])).body), in: Self.origin, Incarnation(5), at: Offset(1))
        for offset in 2..<end {
            try lines.onRecord(
                record(.timeMark, atMilliseconds: time), in: Self.origin, Incarnation(5), at: Offset(offset))
        }
        return lines
    }

    @Test("S8: nothing is covered before as many snapshots verify as are kept; then the oldest of them counts")
    func oldestOfTwo() throws {
        var coverage = SnapshotCoverage()
        #expect(coverage.covered(Self.log(5)) == .zero)
        let owner = SnapshotOwner.shard(Self.partition)
        coverage.onVerified(owner, [try kept(1, to: 10)])
        #expect(coverage.covered(Self.log(5)) == .zero && coverage.unpaired(of: [owner]) == 1)
        coverage.onVerified(owner, [try kept(1, to: 10), try kept(2, to: 20)])
        #expect(coverage.covered(Self.log(5)) == Offset(10) && coverage.unpaired(of: [owner]) == 0)
        coverage.onVerified(owner, [try kept(2, to: 20), try kept(3, to: 30)])
        #expect(coverage.covered(Self.log(5)) == Offset(20))
        // Older than the writer of applied ends: settled.
        #expect(coverage.covered(Self.log(4)) == Offset(.max))
        // Newer than all that was applied.
        #expect(coverage.covered(Self.log(6)) == .zero)
    }

    @Test("S8: a generation that no longer verifies covers nothing: the older one counts, or nothing does")
    func damagedOnesDoNotCount() throws {
        var coverage = SnapshotCoverage()
        let owner = SnapshotOwner.shard(Self.partition)
        coverage.onVerified(owner, [try kept(1, to: 10), try kept(2, to: 20)])
        // The second was found damaged when the third was written.
        coverage.onVerified(owner, [try kept(1, to: 10), try kept(3, to: 30)])
        #expect(coverage.covered(Self.log(5)) == Offset(10))
        coverage.onVerified(owner, [try kept(4, to: 40)])
        #expect(coverage.covered(Self.log(5)) == .zero)
        #expect(coverage.forgettable(Self.name(), members: [Self.origin], bounds: .standard) == .zero)
    }

    private func kept(_ generation: UInt64, to end: UInt64) throws -> SnapshotStore.Kept {
        SnapshotStore.Kept(generation: FileGeneration(generation), lines: try lines(to: end))
    }

    @Test("S5: ids are kept until every member's time is past them by F + R + 2D")
    func ids() throws {
        var coverage = SnapshotCoverage()
        coverage.onVerified(.shard(Self.partition), [try kept(1, to: 10), try kept(2, to: 20)])
        let bounds = TimeBounds.standard
        let stamp = coverage.forgettable(Self.name(), members: [Self.origin], bounds: bounds)
        #expect(stamp == HybridStamp(at: WallTime(milliseconds: 1_000_000 - 5_000 - 600_000 - 1_000)))
        // A member that never wrote has no time.
        let without = coverage.forgettable(Self.name(), members: [Self.origin, RegionNumber(2)], bounds: bounds)
        #expect(without == .zero)
    }
}
