// Starts: a new incarnation each, linked to the verified end of the one before (S1, S1a, S2).

import ClusterModel
import Testing

@testable import EventLog

@Suite struct IncarnationPlanTests {
    private static let name = LogName(region: RegionNumber(1), topic: .userEvents, partition: PartitionID(0))
    private static let now = WallTime(milliseconds: 1_700_000_000_000)

    private static func summary(_ incarnation: UInt64, end: UInt64) -> LogSummary {
        LogSummary(
            log: LogIdentity(name: name, incarnation: Incarnation(incarnation)), base: .zero, baseDigest: .zero,
            flushedEnd: Offset(end), endDigest: Digest128(high: incarnation, low: end),
            lastStamp: HybridStamp(rawValue: incarnation + end), epoch: Epoch(1))
    }

    private static func plan(_ report: RecoveryReport, isSoleMember: Bool = true) throws -> IncarnationPlan {
        try IncarnationPlan(
            starting: [name], after: report, now: now, entropy: 0xffff_1234, bounds: .standard, applyVersion: 1,
            isSoleMember: isSoleMember)
    }

    @Test func aFirstStartWaitsAndIsUnlinked() throws {
        let plan = try Self.plan(RecoveryReport())
        #expect(plan.wait == .seconds(1))
        #expect(plan.incarnation == Incarnation(startedAt: Self.now, entropy: 0x1234))
        #expect(plan.beginnings.map(\.opening.predecessor) == [nil])
        // A genesis says that nothing is older (HISTORIES 3).
        #expect(plan.beginnings.map(\.ends) == [EndsRecord([])])
    }

    /// S1: a disk that holds only other regions' logs is a first start of this one.
    @Test func mirroredLogsAreNoStartOfOurs() throws {
        var foreign = Self.summary(5, end: 10)
        foreign.log.name.region = RegionNumber(9)
        let plan = try Self.plan(RecoveryReport(logs: [foreign], isFirstStart: false))
        #expect(plan.wait == .seconds(1))
        #expect(plan.incarnation > Incarnation(5))
    }

    @Test func aRestartLinksToTheVerifiedEnd() throws {
        let plan = try Self.plan(
            RecoveryReport(logs: [Self.summary(5, end: 10), Self.summary(9, end: 3)], isFirstStart: false))
        let beginning = try #require(plan.beginnings.first)
        #expect(plan.wait == .zero)
        #expect(
            beginning.opening.predecessor
                == OpeningRecord.Predecessor(
                    incarnation: Incarnation(9), end: Offset(3), digest: Digest128(high: 9, low: 3)))
        #expect(beginning.ends?.end(of: Incarnation(5)) == Offset(10))
        #expect(beginning.ends?.end(of: Incarnation(9)) == Offset(3))
        // S1a: an incarnation that is not listed has end 0.
        #expect(beginning.ends?.end(of: Incarnation(7)) == .zero)
        #expect(beginning.stampFloor == HybridStamp(rawValue: 15))
    }

    /// HISTORIES 9: a restart with a slow clock.
    @Test func theNumberIsAboveEverythingOnTheDisk() throws {
        let future = Incarnation(startedAt: Self.now.advanced(by: .seconds(3_600)), entropy: 0)
        let plan = try Self.plan(
            RecoveryReport(logs: [Self.summary(future.rawValue, end: 1)], isFirstStart: false))
        #expect(plan.incarnation == Incarnation(future.rawValue + 1))
    }

    @Test("A7: another region's impossible incarnation on the disk is no floor of this region's")
    func anImpossibleForeignIncarnationTrapsNoStart() throws {
        var foreign = Self.summary(5, end: 10)
        foreign.log.name.region = RegionNumber(9)
        foreign.log.incarnation = Incarnation(.max)
        foreign.lastStamp = HybridStamp(rawValue: .max)
        let plan = try Self.plan(RecoveryReport(logs: [foreign, Self.summary(5, end: 1)], isFirstStart: false))
        #expect(plan.incarnation == Incarnation(startedAt: Self.now, entropy: 0x1234))
        #expect(plan.beginnings.first?.stampFloor == HybridStamp(rawValue: 6))
    }

    @Test(
        "A7: a start that can have no newer incarnation is refused and does not trap",
        arguments: [UInt64.max, UInt64.max - 1, 0xffff_ff00_0000_0000] as [UInt64])
    func noRoomForANewerIncarnation(number: UInt64) throws {
        var own = Self.summary(5, end: 1)
        own.log.incarnation = Incarnation(number)
        let error = #expect(throws: EventLogError.self) {
            try Self.plan(RecoveryReport(logs: [own], isFirstStart: false))
        }
        #expect(error?.code == .corrupt)
        // What a peer says in a head before a first start.
        let plan = try Self.plan(RecoveryReport())
        #expect(throws: EventLogError.self) { try plan.raised(above: Incarnation(number), .zero) }
        #expect(try plan.raised(above: Incarnation(5), .zero).incarnation == plan.incarnation)
    }

    @Test func aCopyWaitsAndPeersAgreeLater() throws {
        let report = RecoveryReport(logs: [Self.summary(5, end: 10)], isFirstStart: false, isCopy: true)
        let plan = try Self.plan(report, isSoleMember: false)
        #expect(plan.wait == .seconds(1))
        #expect(plan.beginnings.first?.ends == nil)
        #expect(plan.beginnings.first?.opening.predecessor != nil)
    }

    @Test func bodiesReadBackAndBadOnesAreRefused() throws {
        let linked = OpeningRecord(
            predecessor: OpeningRecord.Predecessor(
                incarnation: Incarnation(3), end: Offset(4), digest: Digest128(high: 5, low: 6)), applyVersion: 2)
        for opening in [linked, OpeningRecord(predecessor: nil, applyVersion: 1)] {
            #expect(try OpeningRecord(body: opening.body) == opening)
            #expect(opening.body.count == 37)
        }
        var contradicting = linked.body
        contradicting[0] = 0
        #expect(throws: ByteCodingError.self) { try OpeningRecord(body: contradicting) }
        for count in 0..<37 {
            #expect(throws: ByteCodingError.self) { try OpeningRecord(body: Array(linked.body.prefix(count))) }
        }
        let end = EndsRecord.End(incarnation: Incarnation(1), end: Offset(2))
        let ends = try #require(EndsRecord([EndsRecord.End(incarnation: Incarnation(9), end: .zero), end]))
        #expect(try EndsRecord(body: ends.body) == ends)
        #expect(EndsRecord([end, end]) == nil)
        var unordered = ends.body
        unordered.swapAt(26, 42)
        #expect(throws: ByteCodingError.self) { try EndsRecord(body: unordered) }
    }
}
