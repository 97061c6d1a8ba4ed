// The follower, event by event.

import ClusterModel
import EventLog
import Testing

@testable import RegionMirror

@Suite struct FollowerInstanceTests {
    static let holder = RegionNumber(1)
    let log = Sample.log(1)
    let facts = LineageFacts()

    func reply(
        _ answers: [PullReply.LogAnswer] = [], heads: [LogSummary] = [], generation: UInt64 = 1, by: UInt16 = 1
    ) -> PullReply {
        var reply = PullReply(
            holder: RegionNumber(by), wallTime: WallTime(milliseconds: 1), generation: generation)
        reply.answers = answers
        reply.heads = heads
        return reply
    }

    /// Region 2's follower with a link to `holder`, which told `heads`.
    func follower(
        held: [LogSummary] = [], heads: [LogSummary], limits: MirrorLimits = MirrorLimits()
    ) throws -> FollowerInstance {
        var follower = FollowerInstance(
            own: RegionNumber(2), incarnation: Incarnation(50), held: held, limits: limits)
        follower.onLink(Self.holder, generation: 1)
        _ = try follower.onReply(reply(heads: heads), from: Self.holder, to: [], facts)
        return follower
    }

    @Test("S8: batches go down in order; duplicates are dropped")
    func takesWhatExtends() throws {
        let chain = try Sample.chain(log, 3)
        var follower = try follower(heads: [Sample.head(chain, log)])
        let asked = follower.positions(for: Self.holder, facts)
        #expect(asked == [LogPoint(startOf: log)])
        let answer = reply([.init(log: log, .batches(chain))])
        let directives = try follower.onReply(answer, from: Self.holder, to: asked, facts)
        #expect(directives == chain.map { .submit($0) })
        #expect(follower.position(of: log) == Offset(6))
        let again = try follower.onReply(answer, from: Self.holder, to: asked, facts)
        #expect(again.isEmpty)
        #expect(follower.duplicates == 3)
    }

    @Test("a reply of an older link changes nothing")
    func dropsStale() throws {
        let chain = try Sample.chain(log, 1)
        var follower = try follower(heads: [Sample.head(chain, log)])
        follower.onLink(Self.holder, generation: 2)
        let stale = reply([.init(log: log, .batches(chain))], heads: [Sample.head(chain, log)])
        let directives = try follower.onReply(stale, from: Self.holder, to: [LogPoint(startOf: log)], facts)
        #expect(directives.isEmpty)
        #expect(follower.staleReplies == 1)
        #expect(follower.position(of: log) == .zero)
        #expect(follower.positions(for: Self.holder, facts).isEmpty)
    }

    @Test("gaps, foreign and unasked batches drop the link and change nothing")
    func refusesWhatDoesNotFit() throws {
        let chain = try Sample.chain(log, 2)
        let other = try Sample.chain(Sample.log(2), 1)
        let wrong: [PullReply.LogAnswer] = [
            .init(log: log, .batches([chain[1]])), .init(log: log, .batches([other[0]])),
            .init(log: Sample.log(2), .batches([other[0]])), .init(log: log, .batches([chain[0], other[0]])),
        ]
        for answer in wrong {
            var follower = try follower(heads: [Sample.head(chain, log)])
            let asked = follower.positions(for: Self.holder, facts)
            let error = #expect(throws: MirrorError.self) {
                try follower.onReply(reply([answer]), from: Self.holder, to: asked, facts)
            }
            #expect(error?.code == .outOfSequence)
            #expect(follower.positions(for: Self.holder, facts) == asked)
        }
    }

    @Test("S1: other chain, gap and a lower epoch stop that log alone, until the next link")
    func stopsOneLog() throws {
        let second = Sample.log(2)
        let held = try Sample.chain(log, 1, epoch: 5)
        let fork = try Sample.chain(log, 2, epoch: 5, seed: 9)
        let wide = try Sample.chain(log, 1, epoch: 5, seed: 9, recordsEach: 3)
        let lower = try EncodedBatch(
            sealing: fork[1].records(), of: log, epoch: Epoch(4), baseOffset: Offset(2),
            previousDigest: held[0].chainDigest)
        let heads = [Sample.head(fork, log), Sample.head(try Sample.chain(second, 1), second)]
        let cases: [(PullReply.Answer, FollowerInstance.Stop)] = [
            (.otherChain, .otherChain), (.gap(firstAvailable: Offset(9)), .gap(firstAvailable: Offset(9))),
            (.batches([fork[1]]), .otherChain), (.batches([lower]), .epochWentDown), (.batches(wide), .otherChain),
        ]
        for (answer, stop) in cases {
            var follower = try follower(held: [Sample.head(held, log)], heads: heads)
            let asked = follower.positions(for: Self.holder, facts)
            #expect(asked.map(\.offset) == [Offset(2), .zero])
            let directives = try follower.onReply(
                reply([.init(log: log, answer)]), from: Self.holder, to: asked, facts)
            #expect(directives == [.alarm(log, stop)])
            #expect(follower.stopped[log]?.stop == stop)
            #expect(follower.positions(for: Self.holder, facts) == [LogPoint(startOf: second)])
            follower.onLink(Self.holder, generation: 2)
            _ = try follower.onReply(reply(heads: heads, generation: 2), from: Self.holder, to: [], facts)
            #expect(follower.positions(for: Self.holder, facts).first?.offset == Offset(2))
        }
    }

    @Test("S7: a gap that a holder told stands while its heads move, until somebody else has the bytes")
    func gapsStand() throws {
        let chain = try Sample.chain(log, 4)
        var follower = try follower(heads: [Sample.head(Array(chain.prefix(3)), log)])
        let asked = follower.positions(for: Self.holder, facts)
        #expect(asked.map(\.offset) == [.zero])
        let gap = reply([.init(log: log, .gap(firstAvailable: Offset(4)))])
        let first = try follower.onReply(gap, from: Self.holder, to: asked, facts)
        #expect(first == [.alarm(log, .gap(firstAvailable: Offset(4)))])
        _ = try follower.onReply(reply(heads: [Sample.head(chain, log)]), from: Self.holder, to: [], facts)
        #expect(follower.positions(for: Self.holder, facts).isEmpty)
        #expect(follower.stopped[log] != nil)
        let other = RegionNumber(9)
        follower.onLink(other, generation: 1)
        _ = try follower.onReply(
            reply(heads: [Sample.head(chain, log)], by: 9), from: other, to: [], facts)
        #expect(follower.positions(for: Self.holder, facts).isEmpty)
        #expect(follower.positions(for: other, facts).map(\.offset) == [.zero])
        #expect(follower.stopped[log] == nil)
    }

    @Test("what this start writes itself is never pulled; its own older incarnations are")
    func neverPullsItsOwn() throws {
        let older = Sample.log(1, region: 2, incarnation: 49)
        let current = Sample.log(1, region: 2, incarnation: 50)
        let heads = try [older, current].map { Sample.head(try Sample.chain($0, 1), $0) }
        var follower = try follower(heads: heads)
        #expect(follower.positions(for: Self.holder, facts).map(\.log) == [older])
    }

    @Test("S1a: a sealed line is not extended; an agreed end is reached and not passed")
    func keepsSeals() throws {
        let chain = try Sample.chain(log, 3)
        var facts = facts
        _ = facts.seal(Sample.round(1, below: 8))
        var follower = try follower(heads: [Sample.head(chain, log)])
        #expect(follower.positions(for: Self.holder, facts).isEmpty)
        // An answer to a pull of before the seal.
        let answer = reply([.init(log: log, .batches(chain))])
        let start = [LogPoint(startOf: log)]
        let sealed = try follower.onReply(answer, from: Self.holder, to: start, facts)
        #expect(sealed.isEmpty && follower.position(of: log) == .zero)
        _ = facts.onCollected(try Sample.collected(log.name, Sample.round(1, below: 8), [(7, 4)]))
        #expect(follower.positions(for: Self.holder, facts) == start)
        let agreed = try follower.onReply(answer, from: Self.holder, to: start, facts)
        #expect(agreed == chain.prefix(2).map { .submit($0) })
        #expect(follower.positions(for: Self.holder, facts).isEmpty)
    }

    @Test("S1a: agreed ends in a reply count before its batches; an end inside a batch stops the log")
    func hearsEnds() throws {
        let chain = try Sample.chain(log, 3)
        for (end, expected): (UInt64, Int) in [(2, 1), (3, 2)] {
            var follower = try follower(heads: [Sample.head(chain, log)])
            var answer = reply([.init(log: log, .batches(chain))])
            let ends = try Sample.ends(log.name, writer: 8, [(7, end)])
            answer.agreedEnds = [ends]
            let directives = try follower.onReply(
                answer, from: Self.holder, to: [LogPoint(startOf: log)], facts)
            #expect(directives.first == .heard(ends))
            #expect(directives.dropFirst().first == .submit(chain[0]))
            #expect(directives.count == 1 + expected)
            if end == 3 { #expect(directives.last == .alarm(log, .acrossAgreedEnd(Offset(3)))) }
        }
    }

    @Test("a batch that the engine refused is asked for again; a later answer to the old place waits")
    func goesBack() throws {
        let chain = try Sample.chain(log, 3)
        var follower = try follower(heads: [Sample.head(chain, log)])
        let start = [LogPoint(startOf: log)]
        _ = try follower.onReply(
            reply([.init(log: log, .batches(chain))]), from: Self.holder, to: start, facts)
        let ahead = LogPoint(log: log, offset: Offset(6), digest: chain[2].chainDigest)
        follower.onRefused(chain[1])
        #expect(follower.position(of: log) == Offset(2))
        let late = try follower.onReply(
            reply([.init(log: log, .otherChain)]), from: Self.holder, to: [ahead], facts)
        #expect(late.isEmpty && follower.stopped.isEmpty)
        let asked = follower.positions(for: Self.holder, facts)
        #expect(asked == [LogPoint(log: log, offset: Offset(2), digest: chain[0].chainDigest)])
        let again = try follower.onReply(
            reply([.init(log: log, .batches(Array(chain.dropFirst())))]), from: Self.holder, to: asked, facts)
        #expect(again == [.submit(chain[1]), .submit(chain[2])])
    }

    @Test("lag is what the holder's own logs are ahead, in records and in milliseconds of stamps")
    func knowsItsLag() throws {
        func head(_ end: UInt64, at milliseconds: UInt64, of log: LogIdentity) -> LogSummary {
            let stamp = HybridStamp(at: WallTime(milliseconds: milliseconds))
            return LogSummary(
                log: log, base: .zero, baseDigest: .zero, flushedEnd: Offset(end), endDigest: .zero, lastStamp: stamp,
                epoch: Epoch(1))
        }
        let relayed = Sample.log(3, region: 9)
        let heads = [
            head(10, at: 5_000, of: log), head(8, at: 9_000, of: Sample.log(2)), head(500, at: 9_999, of: relayed),
        ]
        let follower = try follower(held: [head(4, at: 4_400, of: log)], heads: heads)
        let lag = follower.lag(behind: Self.holder)
        #expect(lag.records == 14 && lag.milliseconds == 600)
    }

    @Test("no more logs are asked for, and no more heads kept, than the limit says")
    func isBounded() throws {
        var limits = MirrorLimits()
        limits.logs = 2
        let heads = try (0..<5).map { Sample.head(try Sample.chain(Sample.log($0), 1), Sample.log($0)) }
        var follower = try follower(heads: heads, limits: limits)
        #expect(follower.positions(for: Self.holder, facts).count == 2)
    }
}
