// Groups of consumers hold what they have not committed (S5, S13).

import ClusterModel
import EventLog
import NodeEnvironment
import Personalization
import SegmentLog
import ServingAPI
import SimulatedEnvironment
import Testing

@testable import MeridianNode

@Suite struct StreamPinsTests {
    private static func log(_ topic: TopicID, _ partition: UInt32, _ incarnation: UInt64) -> LogIdentity {
        LogIdentity(
            name: LogName(region: RegionNumber(1), topic: topic, partition: PartitionID(partition)),
            incarnation: Incarnation(incarnation))
    }

    private static func summary(_ log: LogIdentity) -> LogSummary {
        LogSummary(
            log: log, base: .zero, baseDigest: .zero, flushedEnd: Offset(100), endDigest: .zero, lastStamp: .zero,
            epoch: Epoch(1))
    }

    @Test("S5: a group pins each log of its partitions from its durable cursor on, and nothing that it is done with")
    func pins() throws {
        let stepped = SteppedEnvironment(seed: 1)
        let groups = StreamGroups(
            files: GroupFiles(directory: "groups", files: stepped.files),
            disk: stepped.environment.executors.makeDedicatedExecutor(label: "groups"))
        _ = try groups.load()
        let logs = [
            Self.log(.userEvents, 0, 5), Self.log(.userEvents, 0, 6), Self.log(.userEvents, 0, 7),
            Self.log(.userEvents, 1, 6), Self.log(.content, 0, 6),
        ]
        #expect(NodeStreams.pins(of: groups, on: logs.map(Self.summary)).isEmpty)
        var position = EffectPosition()
        position.settle(RegionNumber(1), below: Incarnation(6))
        position.advance(RegionNumber(1), Incarnation(6), to: Offset(40))
        let slow = try #require(StreamGroup(name: "slow", topic: .userEvents))
        groups.commit(StreamCursor([PartitionID(0): position]), of: slow, at: WallTime(milliseconds: 1)) { outcome in
            #expect((try? outcome.get()) != nil)
        }
        let found = NodeStreams.pins(of: groups, on: logs.map(Self.summary))
        // The newer incarnation is read from its start.
        #expect(found == [TrimPin(name: "slow (user-events)", next: [logs[1]: Offset(40), logs[2]: .zero])])
    }
}
