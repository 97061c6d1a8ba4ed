// How shards follow logs: reads that fail, logs that stop, ends that are told, stamps that are refused.

import ClusterModel
import EventLog
import EventLogConformance
import MergeableState
import NodeEnvironment
import Testing

@testable import Personalization

@Suite struct FollowerTests {
    private func unknownRecord(_ log: LogIdentity, after batches: [EncodedBatch], kind: UInt16) throws -> EncodedBatch {
        let last = try #require(batches.last)
        var writer = OriginLogWriter(log: log, epoch: Epoch(1), end: last.endOffset, digest: last.chainDigest)
        _ = try writer.append(
            EventRecord(
                kind: RecordKind(rawValue: kind), stamp: HybridStamp(rawValue: last.header.lastStamp.rawValue + 1),
                id: EventID(time: 1, client: 1), body: []))
        return try #require(try writer.seal())
    }

    /// A failed read of a followed log is tried again after a bounded while by itself, and is an alarm until it succeeds.
    @Test func failedReadsAreTriedAgain() async throws {
        let loop = QueueLoop()
        let (a, b) = try await TwoRegionTests.pair(loop)
        a.disk.keepsRecent = false
        a.disk.failingReads = 3
        b.send([b.click("x", client: 1)])
        try a.pull(from: b)
        #expect(a.clicks(on: "x") == 0 && a.facts.failedReads == 1)
        #expect(await a.router.stoppedLogs().map(\.0) == [b.log])
        let reads = a.disk.reads
        // More flushes do not hammer a disk that fails.
        b.send([b.click("x", client: 2)])
        try a.pull(from: b)
        #expect(a.disk.reads == reads)
        loop.advance(by: .seconds(1))
        #expect(a.facts.failedReads == 3 && a.clicks(on: "x") == 2)
        #expect(await a.router.stoppedLogs().isEmpty)
    }

    @Test func delaysOfRetriesAreBounded() {
        let delays = (1...100).map { ReplicaProgress().retryDelay(after: $0, standard: .milliseconds(50)) }
        #expect(delays[0] == .milliseconds(50) && delays[1] == .milliseconds(100))
        #expect(delays.max() == .milliseconds(3_200))
    }

    /// S3: a record of a newer version stops its log, loudly; other logs and own writes go on.
    @Test func unknownKindsStopTheirLogOnly() async throws {
        let loop = QueueLoop()
        let (a, b) = try await TwoRegionTests.pair(loop)
        try a.disk.submit(unknownRecord(b.log, after: b.disk.batches(of: b.log), kind: 900))
        let stopped = await a.router.stoppedLogs()
        #expect(stopped.map(\.0) == [b.log] && stopped[0].1.contains("900"))
        #expect(a.send([a.click("x", client: 1)]).value != nil && a.clicks(on: "x") == 1)
        #expect(try a.slate().get().originTime <= loop.wallTime())
    }

    @Test(
        "HISTORIES 25, S6, S1a: an origin tells nobody of its own ends record before that is flushed, and goes by it no sooner"
    ) func history25OwnEndsAreToldOnceFlushed() async throws {
        let loop = QueueLoop()
        let a = try await TestRegion(1, loop: loop)
        a.disk.holdsFlushes = true
        try a.agree(with: [a])
        // Nor does it count here: a crash now must not have told anybody LOST_TAIL (HISTORIES 25).
        #expect(a.toldEnds.isEmpty && !a.lines.hasApplied(endsOf: a.plan.incarnation, in: a.number))
        loop.advance(by: .milliseconds(50))
        a.disk.holdsFlushes = false
        loop.turn { a.disk.flush() }
        #expect(a.toldEnds.map(\.name.topic).sorted() == [.userEvents, .content])
        #expect(a.toldEnds.allSatisfy { $0.writer == a.plan.incarnation })
        let after = try await TestRegion(1, disk: a.disk.copy(), loop: loop)
        #expect(Set(after.toldEnds) == Set(a.toldEnds))
        try after.agree(with: [a])
        try after.agree(with: [a])
        #expect(after.toldEnds.count == 4)
        let sole = try await TestRegion(1, of: [1], loop: loop)
        #expect(sole.toldEnds.count == 2)
    }

    /// S1a: an ends record is applied at exactly its ends, so a writer that lost its disk first gets its old log back.
    @Test func anEndsRecordWaitsForWhatItLists() async throws {
        let loop = QueueLoop()
        let (a, b) = try await TwoRegionTests.pair(loop)
        a.send([a.click("x", client: 1)])
        try b.pull(from: a)
        let empty = try await TestRegion(1, loop: loop)
        try empty.agree(with: [b])
        #expect(!empty.lines.hasApplied(endsOf: empty.plan.incarnation, in: empty.number))
        #expect(empty.send([empty.click("y", client: 2)]).value != nil)
        try empty.pull(from: b)
        #expect(empty.lines.hasApplied(endsOf: empty.plan.incarnation, in: empty.number))
        try TwoRegionTests.heal([empty, b])
        #expect(empty.report.digest == b.report.digest && empty.clicks(on: "x") == 1)
    }

    /// S2: while the clock is not trusted nothing is stamped: no event, no content, no mark, no slate; reads go on, and
    /// ends, which need no clock, are agreed on.
    @Test func aClosedGateStampsNothing() async throws {
        let loop = QueueLoop()
        let a = try await TestRegion(1, loop: loop)
        a.stamps.close()
        let (before, stamp) = a.ask { ($0.appender.nextOffset, $0.appender.lastStamp) }
        #expect(a.send([a.click("x", client: 1)]).error == .clockUntrusted)
        let published = TestRegion.Answers<PublishOutcome>()
        let item = ContentEvent.publish(try ContentSamples.item("i"))
        a.onContent { $0.publish([item], id: nil) { published.keep($0) } }
        #expect(published.error == .clockUntrusted)
        loop.advance(by: .seconds(5))
        a.markTime()
        #expect(try a.slate().get().tier == .static)
        #expect(a.ask { $0.appender.nextOffset } == before)
        loop.advance(by: .seconds(3_600))
        try a.agree(with: [a])
        let after = a.ask { $0.appender.lastStamp }
        #expect(after > stamp && after.wallTime.milliseconds <= stamp.wallTime.milliseconds + 1)
        a.stamps.open()
        #expect(a.send([a.click("x", client: 1)]).value != nil)
        a.markTime()
    }

    /// Logs beyond the bound are counted and not followed; settled ones are let go.
    @Test func settledLogsAreLetGo() async throws {
        let loop = QueueLoop()
        let (a, first) = try await TwoRegionTests.pair(loop)
        var b = first
        for _ in 0..<5 {
            b.send([b.click("x", client: 9)])
            b = try await TestRegion(2, disk: b.disk.copy(), loop: loop)
            try TwoRegionTests.heal([a, b])
            try b.agree(with: [a, b])
            try TwoRegionTests.heal([a, b])
        }
        #expect(a.facts.followedLogs == 1 && a.report.vector.entries.count == 2)
        for number in 0..<UInt64(ReplicaProgress.maxLogs + 9) {
            a.router.logAppeared(LogIdentity(name: b.log.name, incarnation: Incarnation(.max - number)))
        }
        #expect(a.facts.followedLogs == ReplicaProgress.maxLogs)
        #expect(a.facts.refusedLogs == 10)
    }

    /// The age of followed batches at their fold, own ones left out.
    @Test func freshnessIsMeasured() async throws {
        let loop = QueueLoop()
        let (a, b) = try await TwoRegionTests.pair(loop)
        let before = a.facts.freshness
        b.send([b.click("x", client: 1)])
        loop.advance(by: .milliseconds(300))
        a.send([a.click("x", client: 2)])
        try a.pull(from: b)
        let fresh = a.facts.freshness.since(before)
        #expect(fresh.count == 1)
        let p99 = try #require(fresh.p99Milliseconds)
        #expect((300..<384).contains(p99) && fresh.p50Milliseconds == p99)
    }

    @Test func freshnessBucketsAreNarrow() {
        let now = WallTime(milliseconds: 1 << 40)
        for age in [0, 1, 7, 8, 9, 11, 100, 1_000, 65_536, 3_000_000] as [UInt64] {
            var histogram = FreshnessHistogram()
            histogram.record(HybridStamp(at: WallTime(milliseconds: now.milliseconds - age)), at: now)
            let bound = histogram.milliseconds(at: 0.5) ?? 0
            #expect(bound >= age && bound <= age + age / 4, "\(age): \(bound)")
        }
        var histogram = FreshnessHistogram()
        #expect(histogram.p50Milliseconds == nil)
        histogram.record(HybridStamp(at: now.advanced(by: .seconds(9))), at: now)
        #expect(histogram.p50Milliseconds == 0)
        for _ in 0..<98 { histogram.record(HybridStamp(at: now.advanced(by: .milliseconds(-5))), at: now) }
        histogram.record(HybridStamp(at: WallTime(milliseconds: 0)), at: now)
        #expect(histogram.p50Milliseconds == 5 && histogram.p99Milliseconds == 5 && histogram.count == 100)
        #expect(histogram.milliseconds(at: 1).map { $0 > 3_600_000 } == true)
        var sum = histogram
        sum.merge(histogram)
        #expect(sum.since(histogram) == histogram)
    }
}
