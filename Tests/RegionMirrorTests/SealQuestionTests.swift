// Seals are asked for in parts, each of which fits a frame however many starts are not settled (S1a, S1b).

import ClusterModel
import EventLog
import Testing

@testable import RegionMirror

@Suite struct SealQuestionTests {
    private static let round = SealRound(origin: RegionNumber(1), incarnation: Incarnation(1 << 20))

    private static func name(_ partition: UInt32) -> LogName {
        LogName(region: RegionNumber(1), topic: .userEvents, partition: PartitionID(partition))
    }

    @Test(arguments: [1, 2, 16, 17, 64, 4_096] as [UInt32])
    func everyPartitionIsAskedAboutOnce(partitions: UInt32) {
        let questions = SealQuestion.all(of: Self.round, partitions: partitions)
        for partition in 0..<partitions {
            #expect(questions.count { $0.concerns(Self.name(partition)) } == 1, "\(partition)")
        }
        #expect(SealQuestion(Self.round).concerns(Self.name(.max - 1)))
    }

    @Test("S1a: agreed ends that do not fit one reply go with the next")
    func endsFillSeveralReplies() throws {
        var holder = HolderInstance()
        let began = holder.onPull(generation: 5)
        #expect(began)
        let listed = (1...EndsRecord.maxEnds).map {
            EndsRecord.End(incarnation: Incarnation(UInt64($0)), end: Offset(9))
        }
        let record = try #require(EndsRecord(listed))
        var facts = LineageFacts()
        for partition in 0..<200 as Range<UInt32> {
            _ = facts.onAgreed(
                try #require(AgreedEnds(name: Self.name(partition), writer: Self.round.incarnation, ends: record)))
        }
        var told: Set<LogName> = []
        for _ in 0..<10 where told.count < 200 {
            let plan = holder.plan(Sample.request([]), held: [], facts)
            #expect(plan.isUrgent)
            let bytes = plan.ends.reduce(0) { $0 + $1.chain.byteCount }
            #expect(bytes < MirrorLimits.toldEndsBytes + 2 * EndsRecord.maxLength)
            told.formUnion(plan.ends.map(\.name))
            holder.onAnswered(plan)
        }
        #expect(told.count == 200)
    }
}
