// A state that begins below what its logs still hold goes on from another member's (S5), while its own writes go on.

import ClusterModel
import EventLog
import EventLogConformance
import MergeableState
import NodeEnvironment
import Synchronization
import Testing

@testable import Personalization

@Suite struct BootstrapTests {
    private final class Outcome: Sendable {
        private let results = Mutex<[Result<Void, BootstrapRefusal>]>([])
        func keep(_ result: Result<Void, BootstrapRefusal>) { results.withLock { $0.append(result) } }
        var isDone: Bool { if case .success? = results.withLock(\.last) { true } else { false } }
        var refusal: String? {
            if case .failure(let refusal)? = results.withLock(\.last) { refusal.description } else { nil }
        }
    }

    private func bootstrap(_ region: TestRegion, from state: ShardState) -> Outcome {
        let outcome = Outcome()
        region.onShard { $0.bootstrap(from: state) { outcome.keep($0) } }
        return outcome
    }

    /// Where each log of `region` goes on behind its state.
    private func bases(of region: TestRegion) -> [LogBase] {
        let lines = region.lines
        return region.disk.logs().filter { $0.log.name.topic == .userEvents }.map { summary in
            let next = lines.next(in: summary.log.name.region, summary.log.incarnation)
            let digest = region.disk.chainDigest(of: summary.log, at: next) ?? .zero
            return LogBase(
                log: summary.log, offset: next, digest: digest, lastStamp: summary.lastStamp, epoch: Epoch(0))
        }
    }

    /// Region 1 has lost its disk; region 2 holds everything and has trimmed. Region 1's engine begins where 2's state ends.
    private func lost(_ loop: QueueLoop) async throws -> (empty: TestRegion, other: TestRegion, state: ShardState) {
        let (a, b) = try await TwoRegionTests.pair(loop)
        for client in 1...20 as ClosedRange<UInt64> { (client % 2 == 0 ? a : b).send([a.click("x", client: client)]) }
        try TwoRegionTests.heal([a, b])
        let state = b.ask { $0.state }
        let empty = try await TestRegion(1, loop: loop)
        for base in bases(of: b) where base.log.incarnation != empty.plan.incarnation {
            empty.disk.adopt(base)
            empty.router.logAppeared(base.log)
        }
        return (empty, b, state)
    }

    @Test("S5: a state that cannot be folded from its start says so, is not snapshotted, and takes writes")
    func shortStatesAskForAnother() async throws {
        let loop = QueueLoop()
        let (empty, _, _) = try await lost(loop)
        #expect(empty.facts.short == 1 && empty.facts.stopped.isEmpty)
        #expect(empty.send([empty.click("own", client: 90)]).value != nil)
        let view = Mutex<Bool?>(nil)
        empty.onShard { $0.flushedView(evenIdle: true) { result in view.withLock { $0 = (try? result.get()) != nil } } }
        #expect(view.withLock { $0 } == false)
    }

    @Test("S5: it goes on from a fetched state, with its own records on top: those of before, and those of meanwhile")
    func ownWritesAreKept() async throws {
        let loop = QueueLoop()
        let (empty, other, state) = try await lost(loop)
        #expect(empty.send([empty.click("own", client: 90)]).value != nil)
        empty.disk.holdsFlushes = true
        let first = empty.send([empty.click("own", client: 91)])
        let outcome = bootstrap(empty, from: state)
        // Its turn waits for the flush; what comes meanwhile is taken.
        let second = empty.send([empty.click("own", client: 92)])
        #expect(!outcome.isDone)
        empty.disk.holdsFlushes = false
        loop.turn { empty.disk.flush() }
        #expect(outcome.isDone, "\(outcome.refusal ?? "")")
        #expect(first.value != nil && second.value != nil)
        #expect(empty.clicks(on: "own") == 3 && empty.clicks(on: "x") == 20)
        #expect(empty.facts.short == 0 && empty.facts.bootstraps == 1)
        other.send([other.click("x", client: 99)])
        try TwoRegionTests.heal([empty, other])
        try empty.agree(with: [empty, other])
        try TwoRegionTests.heal([empty, other])
        #expect(empty.report.digest == other.report.digest)
        #expect(empty.report.vector == other.report.vector)
    }

    @Test("S5: more than is kept aside takes another round, and loses nothing")
    func longTails() async throws {
        let loop = QueueLoop()
        let (empty, other, state) = try await lost(loop)
        empty.disk.holdsFlushes = true
        empty.send([empty.click("own", client: 1_000)])
        let outcome = bootstrap(empty, from: state)
        let count = UInt64(OwnTail.maxRecords + 10)
        for client in 0..<count { empty.send([empty.click("own", client: 2_000 + client)]) }
        empty.disk.holdsFlushes = false
        loop.turn { empty.disk.flush() }
        loop.advance(by: .milliseconds(100))
        #expect(outcome.isDone, "\(outcome.refusal ?? "")")
        #expect(empty.clicks(on: "own") == count + 1)
        try empty.agree(with: [empty, other])
        try TwoRegionTests.heal([empty, other])
        #expect(empty.report.digest == other.report.digest)
    }

    @Test("S1a: a state beyond ends that are known here is refused, and nothing has changed")
    func beyondAgreedEnds() async throws {
        let loop = QueueLoop()
        let (empty, other, state) = try await lost(loop)
        let ends = try #require(
            EndsRecord([EndsRecord.End(incarnation: other.plan.incarnation, end: Offset(1))]))
        empty.hear([try #require(AgreedEnds(name: other.log.name, writer: Incarnation(.max), ends: ends))])
        let before = empty.report.digest
        let outcome = bootstrap(empty, from: state)
        #expect(outcome.refusal?.contains("agreed ends") == true)
        #expect(empty.report.digest == before)
        #expect(empty.send([empty.click("own", client: 90)]).value != nil)
    }

    @Test("S5: a state that ends before what is held here is refused")
    func behindWhatIsHeld() async throws {
        let loop = QueueLoop()
        let (empty, other, _) = try await lost(loop)
        let outcome = bootstrap(empty, from: ShardState(partition: PartitionID(0)))
        #expect(outcome.refusal?.contains("goes on behind") == true, "\(other.log)")
        #expect(empty.facts.short == 1)
    }

    @Test("S1a: a state that exceeds agreed ends and whose logs are trimmed waits for another member's")
    func refoldOfTrimmedLogs() async throws {
        let loop = QueueLoop()
        let (a, b) = try await TwoRegionTests.pair(loop)
        b.send([b.click("x", client: 1)])
        try a.pull(from: b)
        a.disk.trim(b.log, below: Offset(2))
        let end = a.lines.next(in: b.number, b.plan.incarnation)
        let ends = try #require(
            EndsRecord([EndsRecord.End(incarnation: b.plan.incarnation, end: Offset(end.rawValue - 1))]))
        let writer = Incarnation(b.plan.incarnation.rawValue + 1)
        a.hear([try #require(AgreedEnds(name: b.log.name, writer: writer, ends: ends))])
        #expect(a.isRebuilding && a.facts.short == 1)
    }
}
