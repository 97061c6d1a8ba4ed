// Ages and failures of snapshots: when somebody is told.

import ClusterModel
import OperatorAPI
import Personalization
import Testing

@testable import MeridianNode

@Suite struct SnapshotAgesTests {
    private static let first = SnapshotOwner.shard(PartitionID(0))
    private static let second = SnapshotOwner.shard(PartitionID(1))

    private static func at(_ seconds: UInt64) -> BootInstant { BootInstant(nanoseconds: seconds * 1_000_000_000) }

    @Test("the oldest counts; an alarm stands from N intervals on, with the reason, and ends with a snapshot")
    func overdue() {
        var ages = SnapshotAges([Self.first, Self.second], every: .seconds(10), at: Self.at(100))
        let limit = SnapshotAges.alarmIntervals * 10
        ages.onWritten(Self.second, at: Self.at(150))
        #expect(ages.facts(at: Self.at(150)).oldestSeconds == 50)
        ages.onFailed(Self.first, "no space")
        #expect(ages.isFailing(Self.first) && !ages.isFailing(Self.second))
        #expect(ages.facts(at: Self.at(100 + limit)).overdue == nil)
        let facts = ages.facts(at: Self.at(101 + limit))
        #expect(facts.overdue?.contains("partition 0") == true && facts.overdue?.contains("no space") == true)
        #expect(facts.failures == 1 && facts.failing == 1)
        ages.onWritten(Self.first, at: Self.at(101 + limit))
        let after = ages.facts(at: Self.at(101 + limit))
        #expect(after.overdue == nil && after.failing == 0 && after.failures == 1)
    }

    @Test("idle shards are written often enough never to be overdue by themselves")
    func idle() {
        #expect(SnapshotAges.alarmIntervals > SnapshotRun.roundsBetweenIdle)
    }
}
