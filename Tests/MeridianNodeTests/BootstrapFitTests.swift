// What a member offers for a bootstrap is held against the state that it hands over, before any log goes on from it (S1a, S5).

import ClusterModel
import EventLog
import MergeableState
import Personalization
import RegionMirror
import Testing

@testable import MeridianNode

@Suite struct BootstrapFitTests {
    private static let item = SnapshotItem(topic: .userEvents, partition: PartitionID(0))
    private static let now = WallTime(milliseconds: 1_700_000_000_000)

    private static func log(_ region: UInt16, _ number: UInt64, _ partition: UInt32 = 0) -> LogIdentity {
        LogIdentity(
            name: LogName(region: RegionNumber(region), topic: .userEvents, partition: PartitionID(partition)),
            incarnation: Incarnation(number))
    }

    /// Region 1's log 5 is applied to 2, region 2's log 7 to 3.
    private static func lines() throws -> OriginLines {
        var state = ShardState(partition: PartitionID(0))
        for (region, number, count) in [(1, 5, 2), (2, 7, 3)] as [(UInt16, UInt64, UInt64)] {
            for offset in 0..<count {
                let opening = OpeningRecord(predecessor: nil, applyVersion: StateLimits.applyVersion)
                let record = EventRecord(
                    kind: offset == 0 ? .opening : .timeMark, stamp: HybridStamp(at: now, counter: UInt16(offset)),
                    id: EventID(time: 0, client: 0), body: offset == 0 ? opening.body : [])
                try state.apply(record, in: RegionNumber(region), Incarnation(number), at: Offset(offset))
            }
        }
        return state.lines
    }

    private static func offer(_ places: [(LogIdentity, UInt64)]) -> PublishedSnapshot {
        PublishedSnapshot(
            item: item, generation: 1, length: 10, checksum: 1,
            bases: places.map {
                LogBase(
                    log: $0.0, offset: Offset($0.1), digest: .zero, lastStamp: HybridStamp(at: now), epoch: Epoch(0))
            })
    }

    /// Asked by region 2, which writes its log 7 and has flushed it to 3.
    private static func contradiction(_ places: [(LogIdentity, UInt64)], flushed: UInt64 = 3) throws -> String? {
        let written = WrittenLogs(region: RegionNumber(2), incarnation: Incarnation(7)) { log in
            log == Self.log(2, 7) ? Offset(flushed) : .zero
        }
        return offer(places).contradiction(to: try lines(), written)
    }

    @Test func placesAreThoseOfTheState() throws {
        let (one, two) = (Self.log(1, 5), Self.log(2, 7))
        #expect(try Self.contradiction([(one, 2), (two, 3)]) == nil)
        let lies: [[(LogIdentity, UInt64)]] = [
            [(one, 2), (two, 1_003)], [(one, 9), (two, 3)], [(one, 1), (two, 3)], [(one, 2)], [],
            [(one, 2), (two, 3), (Self.log(2, 8), 1)], [(one, 2), (two, 3), (Self.log(1, 6), 1)],
            [(one, .max), (two, 3)], [(one, 2), (two, 3), (Self.log(1, 5, 1), 2)],
        ]
        for (place, lie) in lies.enumerated() { #expect(try Self.contradiction(lie) != nil, "lie \(place)") }
    }

    /// S6: nobody can have more of what this process writes than it has flushed, whatever a state says.
    @Test func nobodyKnowsMoreOfAnOwnLog() throws {
        let places = [(Self.log(1, 5), UInt64(2)), (Self.log(2, 7), UInt64(3))]
        #expect(try Self.contradiction(places, flushed: 2) != nil)
        #expect(try Self.contradiction(places, flushed: 4) == nil)
    }
}
