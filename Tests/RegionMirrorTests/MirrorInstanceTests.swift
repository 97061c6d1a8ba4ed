// Follower, holder and cursors, event by event.

import ClusterModel
import EventLog
import Testing

@testable import RegionMirror

@Suite struct FollowerInstanceTests {
    let log = Sample.log(1)

    func reply(_ answers: [PullReply.LogAnswer], generation: UInt64 = 1) -> PullReply {
        var reply = PullReply(
            holder: RegionNumber(1), wallTime: WallTime(milliseconds: 1), generation: generation)
        reply.answers = answers
        return reply
    }

    @Test("S8: batches go down in order; duplicates are dropped")
    func takesWhatExtends() throws {
        let chain = try Sample.chain(log, 3)
        var follower = FollowerInstance(generation: 1)
        let asked = follower.positions(for: [log])
        #expect(asked == [LogPoint(startOf: log)])
        let bytes = chain.map(\.bytes)
        let directives = try follower.onReply(reply([.init(log: log, .batches(bytes))]), to: asked)
        #expect(directives == chain.map { .submit($0) })
        #expect(follower.positions(for: [log]).first?.offset == Offset(6))
        let again = try follower.onReply(reply([.init(log: log, .batches(bytes))]), to: asked)
        #expect(again.isEmpty)
        #expect(follower.duplicates == 3)
    }

    @Test("a reply of an older link changes nothing")
    func dropsStale() throws {
        let chain = try Sample.chain(log, 1)
        var follower = FollowerInstance(generation: 2)
        let asked = follower.positions(for: [log])
        let stale = reply([.init(log: log, .batches(chain.map(\.bytes)))], generation: 1)
        let directives = try follower.onReply(stale, to: asked)
        #expect(directives.isEmpty)
        #expect(follower.staleReplies == 1)
        #expect(follower.positions(for: [log]) == asked)
    }

    @Test("reordered, foreign, unasked and damaged batches drop the link and change nothing")
    func refusesWhatDoesNotFit() throws {
        let chain = try Sample.chain(log, 2)
        let other = try Sample.chain(Sample.log(2), 1)
        var damaged = chain[0].bytes
        damaged[damaged.count - 1] ^= 1
        let wrong: [(PullReply.LogAnswer, MirrorError.Code)] = [
            (.init(log: log, .batches([chain[1].bytes])), .outOfSequence),
            (.init(log: log, .batches([other[0].bytes])), .outOfSequence),
            (.init(log: Sample.log(2), .batches([other[0].bytes])), .outOfSequence),
            (.init(log: log, .batches([chain[0].bytes, damaged])), .corruptBatch),
            (.init(log: log, .batches([Array(chain[0].bytes.dropLast())])), .corruptBatch),
        ]
        for (answer, code) in wrong {
            var follower = FollowerInstance(generation: 1)
            let asked = follower.positions(for: [log])
            let error = #expect(throws: MirrorError.self) { try follower.onReply(reply([answer]), to: asked) }
            #expect(error?.code == code)
            #expect(follower.positions(for: [log]) == asked)
        }
    }

    @Test("S1: other chain, gap and a lower epoch stop that log alone, until the next link")
    func stopsOneLog() throws {
        let second = Sample.log(2)
        let held = try Sample.chain(log, 1, epoch: 5)
        let fork = try Sample.chain(log, 2, epoch: 5, seed: 9)
        let lower = try EncodedBatch(
            sealing: fork[1].records(), of: log, epoch: Epoch(4), baseOffset: Offset(2),
            previousDigest: held[0].chainDigest)
        let cases: [(PullReply.Answer, FollowerInstance.Stop)] = [
            (.otherChain, .otherChain), (.gap(firstAvailable: Offset(9)), .gap(firstAvailable: Offset(9))),
            (.batches([fork[1].bytes]), .otherChain), (.batches([lower.bytes]), .epochWentDown),
        ]
        for (answer, stop) in cases {
            var follower = FollowerInstance(generation: 1)
            follower.onHeld(Sample.head(held, log))
            let asked = follower.positions(for: [log, second])
            let directives = try follower.onReply(reply([.init(log: log, answer)]), to: asked)
            #expect(directives == [.alarm(log, stop)])
            #expect(follower.positions(for: [log, second]) == [LogPoint(startOf: second)])
            follower.onReconnect(generation: 2, held: [Sample.head(held, log)])
            #expect(follower.positions(for: [log]).first?.offset == Offset(2))
        }
    }
}

@Suite struct HolderInstanceTests {
    let logs = (0..<3).map { Sample.log(UInt32($0)) }

    func request(_ positions: [LogPoint]) -> PullRequest {
        var request = PullRequest(
            follower: RegionNumber(2), applyVersion: 1, deployment: 1, generation: 1, maxBytes: 1 << 20,
            waitMilliseconds: 10)
        request.positions = positions
        return request
    }

    @Test("heads go out once; positions are read, refused or left alone")
    func plans() throws {
        let chain = try Sample.chain(logs[0], 3)
        let head = Sample.head(chain, logs[0])
        var holder = HolderInstance()
        let outcome1 = holder.onPull(generation: 1)
        #expect(outcome1)
        let start = LogPoint(startOf: logs[0])
        #expect(holder.plan(request([start]), held: [head]) == .init(steps: [.read(start)], heads: [head]))
        holder.onAnswered(heads: [head])
        let end = LogPoint(log: logs[0], offset: head.flushedEnd, digest: head.endDigest)
        #expect(holder.plan(request([end]), held: [head]).isEmpty)
        let fork = LogPoint(log: logs[0], offset: head.flushedEnd, digest: .zero)
        #expect(holder.plan(request([fork]), held: [head]).steps == [.otherChain(logs[0])])
        let ahead = LogPoint(log: logs[0], offset: Offset(99), digest: .zero)
        #expect(holder.plan(request([ahead]), held: [head]).isEmpty)
        var trimmed = head
        trimmed.base = Offset(2)
        let gap = HolderInstance.Step.gap(logs[0], firstAvailable: Offset(2))
        #expect(holder.plan(request([start]), held: [trimmed]).steps == [gap])
        let outcome2 = holder.onPull(generation: 0)
        #expect(!outcome2)
        let outcome3 = holder.onPull(generation: 2)
        #expect(outcome3)
        #expect(holder.plan(request([]), held: [head]).heads == [head])
    }

    @Test("each answer begins one log further")
    func takesTurns() throws {
        let held = try logs.map { Sample.head(try Sample.chain($0, 1), $0) }
        let points = logs.map { LogPoint(startOf: $0) }
        var holder = HolderInstance()
        var firsts: [HolderInstance.Step?] = []
        for _ in 0..<3 {
            firsts.append(holder.plan(request(points), held: held).steps.first)
            holder.onAnswered(heads: [])
        }
        #expect(firsts == points.map { .read($0) })
    }

    @Test("S1: what was read must begin where the follower ends")
    func checksTheChain() throws {
        let chain = try Sample.chain(logs[0], 2)
        let point = LogPoint(log: logs[0], offset: Offset(2), digest: chain[0].chainDigest)
        #expect(HolderInstance.answer([chain[1]], at: point) == .batches([chain[1].bytes]))
        #expect(HolderInstance.answer([chain[0]], at: point) == .otherChain)
        #expect(HolderInstance.answer([], at: point) == nil)
    }
}

@Suite struct CursorTableTests {
    let log = Sample.log(1)

    func cursor(_ region: UInt16, _ offset: UInt64, _ digest: UInt64) -> PullRequest.Cursor {
        let point = LogPoint(log: log, offset: Offset(offset), digest: Digest128(high: 0, low: digest))
        return PullRequest.Cursor(region: RegionNumber(region), point: point)
    }

    @Test("S11: distinct regions count, on the origin's chain only; a cursor may go down")
    func counts() {
        var table = CursorTable(origin: RegionNumber(1))
        let chain = Digest128(high: 0, low: 5)
        let outcome4 = table.onCursor(cursor(2, 10, 5), chain: chain)
        #expect(outcome4 == .counted)
        let outcome5 = table.onCursor(cursor(2, 10, 5), chain: chain)
        #expect(outcome5 == .counted)
        #expect(table.regions(holding: log, below: Offset(10)) == 1)
        let outcome6 = table.onCursor(cursor(3, 6, 5), chain: chain)
        #expect(outcome6 == .counted)
        #expect(table.regions(holding: log, below: Offset(6)) == 2)
        #expect(table.regions(holding: log, below: Offset(7)) == 1)
        #expect(table.lowest(of: [2, 3].map { RegionNumber($0) }, in: log) == Offset(6))
        #expect(table.lowest(of: [2, 4].map { RegionNumber($0) }, in: log) == .zero)
        let outcome7 = table.onCursor(cursor(2, 4, 5), chain: chain)
        #expect(outcome7 == .counted)
        #expect(table.regions(holding: log, below: Offset(6)) == 1)
        let outcome8 = table.onCursor(cursor(1, 10, 5), chain: chain)
        #expect(outcome8 == .ignored)
    }

    @Test("S11, HISTORIES 16: another chain is no ack")
    func otherChain() {
        var table = CursorTable(origin: RegionNumber(1))
        let chain = Digest128(high: 0, low: 5)
        _ = table.onCursor(cursor(2, 10, 5), chain: chain)
        let outcome9 = table.onCursor(cursor(2, 12, 6), chain: chain)
        #expect(outcome9 == .otherChain)
        #expect(table.regions(holding: log, below: Offset(1)) == 0)
        let outcome10 = table.onCursor(cursor(2, 12, 6), chain: nil)
        #expect(outcome10 == .otherChain)
    }
}
