// A part of a round of seals is one call between actors: it fits a frame however many starts are not settled (S1a, S1b).

import ActorCluster
import ClusterModel
import EventLog
import RegionMirror
import Testing

@Suite struct SealPartsTests {
    private static let round = SealRound(origin: RegionNumber(1), incarnation: Incarnation(1 << 20))

    private static func name(_ partition: UInt32) -> LogName {
        LogName(region: RegionNumber(1), topic: .userEvents, partition: PartitionID(partition))
    }

    @Test(
        "S1b: at as many unsettled starts as a region may have, an answer and what comes out of it fit one frame each")
    func partsFitAFrame() throws {
        let starts = UnsettledStarts.waited
        var answer = SealAnswer(lengths: [], agreed: [])
        var ends: [AgreedEnds] = []
        // The catalogue's log is one more.
        for partition in 0...SealQuestion.maxPartitions {
            let incarnations = (1...starts).map { Incarnation(UInt64($0)) }
            answer.lengths += incarnations.map {
                LogPoint(
                    log: LogIdentity(name: Self.name(partition), incarnation: $0), offset: Offset(9), digest: .zero)
            }
            let record = try #require(EndsRecord(incarnations.map { .init(incarnation: $0, end: Offset(9)) }))
            ends.append(
                try #require(AgreedEnds(name: Self.name(partition), writer: Self.round.incarnation, ends: record)))
            answer.bases.append(LineBase(name: Self.name(partition), point: .genesis))
        }
        var writer = ByteWriter()
        answer.encode(into: &writer)
        #expect(writer.bytes.count < ActorClusterLimits().frameBytes / 2)
        writer = ByteWriter()
        try #require(CollectedEnds(round: Self.round, ends: ends)).encode(into: &writer)
        #expect(writer.bytes.count < ActorClusterLimits().frameBytes / 2)
    }
}
