// What a holder plans for one follower.

import ClusterModel
import EventLog
import Testing

@testable import RegionMirror

@Suite struct HolderInstanceTests {
    let logs = (0..<3).map { Sample.log(UInt32($0)) }
    let facts = LineageFacts()

    @Test("heads go out once; positions are read, refused or left alone")
    func plans() throws {
        let chain = try Sample.chain(logs[0], 3)
        let head = Sample.head(chain, logs[0])
        var holder = HolderInstance()
        let isTaken = holder.onPull(generation: 1)
        #expect(isTaken)
        let start = LogPoint(startOf: logs[0])
        let plan = holder.plan(Sample.request([start]), held: [head], facts)
        #expect(plan == .init(steps: [.read(start)], heads: [head], ends: [], hasNewLog: true))
        holder.onAnswered(plan)
        let end = LogPoint(log: logs[0], offset: head.flushedEnd, digest: head.endDigest)
        let idle = holder.plan(Sample.request([end]), held: [head], facts)
        #expect(idle == .init() && !idle.isUrgent)
        let fork = LogPoint(log: logs[0], offset: head.flushedEnd, digest: .zero)
        #expect(holder.plan(Sample.request([fork]), held: [head], facts).steps == [.otherChain(logs[0])])
        let ahead = LogPoint(log: logs[0], offset: Offset(99), digest: .zero)
        #expect(!holder.plan(Sample.request([ahead]), held: [head], facts).isUrgent)
        var trimmed = head
        trimmed.base = Offset(2)
        let gap = HolderInstance.Step.gap(logs[0], firstAvailable: Offset(2))
        #expect(holder.plan(Sample.request([start]), held: [trimmed], facts).steps == [gap])
    }

    @Test("a newer link is told everything again; an older one's pulls are not answered")
    func startsOver() throws {
        let head = Sample.head(try Sample.chain(logs[0], 3), logs[0])
        var holder = HolderInstance()
        let isFirst = holder.onPull(generation: 1)
        holder.onAnswered(holder.plan(Sample.request([]), held: [head], facts))
        let isOlder = holder.onPull(generation: 0)
        let isNewer = holder.onPull(generation: 2)
        #expect(isFirst && !isOlder && isNewer)
        #expect(holder.plan(Sample.request([]), held: [head], facts).heads == [head])
    }

    @Test("heads that only moved travel with the next answer; a new log is urgent")
    func isUrgent() throws {
        let chain = try Sample.chain(logs[0], 2)
        var holder = HolderInstance()
        _ = holder.onPull(generation: 1)
        holder.onAnswered(holder.plan(Sample.request([]), held: [Sample.head([chain[0]], logs[0])], facts))
        let moved = holder.plan(Sample.request([]), held: [Sample.head(chain, logs[0])], facts)
        #expect(moved.heads.count == 1 && !moved.isUrgent)
        let other = Sample.head(try Sample.chain(logs[1], 1), logs[1])
        #expect(holder.plan(Sample.request([]), held: [other], facts).isUrgent)
    }

    @Test("S1a: agreed ends are told once a link, and nothing beyond them is read")
    func servesUpToAgreedEnds() throws {
        let chain = try Sample.chain(logs[0], 3)
        let head = Sample.head(chain, logs[0])
        let ends = try Sample.ends(logs[0].name, writer: 8, [(7, 2)])
        var facts = facts
        let isNews = facts.onAgreed(ends)
        #expect(isNews)
        var holder = HolderInstance()
        _ = holder.onPull(generation: 1)
        let cut = LogPoint(log: logs[0], offset: Offset(2), digest: chain[0].chainDigest)
        let plan = holder.plan(Sample.request([cut]), held: [head], facts)
        #expect(plan.steps.isEmpty && plan.ends == [ends])
        holder.onAnswered(plan)
        #expect(holder.plan(Sample.request([cut]), held: [head], facts).ends.isEmpty)
        #expect(!holder.plan(Sample.request([LogPoint(startOf: logs[0])]), held: [head], facts).steps.isEmpty)
        _ = holder.onPull(generation: 2)
        #expect(holder.plan(Sample.request([cut]), held: [head], facts).ends == [ends])
    }

    @Test("each answer begins one log further")
    func takesTurns() throws {
        let held = try logs.map { Sample.head(try Sample.chain($0, 1), $0) }
        let points = logs.map { LogPoint(startOf: $0) }
        var holder = HolderInstance()
        var firsts: [HolderInstance.Step?] = []
        for _ in 0..<3 {
            let plan = holder.plan(Sample.request(points), held: held, facts)
            firsts.append(plan.steps.first)
            holder.onAnswered(plan)
        }
        #expect(firsts == points.map { .read($0) })
    }

    @Test("S1: what was read must begin where the follower ends")
    func checksTheChain() throws {
        let chain = try Sample.chain(logs[0], 2)
        let point = LogPoint(log: logs[0], offset: Offset(2), digest: chain[0].chainDigest)
        #expect(HolderInstance.answer([chain[1]], at: point) == .batches([chain[1]]))
        #expect(HolderInstance.answer([chain[0]], at: point) == .otherChain)
        #expect(HolderInstance.answer([], at: point) == nil)
    }
}
