// S5: a log goes on from a place that a member's snapshot named. Where its origin goes on differently the snapshot was wrong,
// and another one is fetched: a member that lies stops nothing for good.

import ClusterModel
import EventLog
import Testing

@testable import RegionMirror

@Suite struct DoubtedPlaceTests {
    private static let origin = RegionNumber(1)
    private static let relay = RegionNumber(3)
    private let log = Sample.log(1)
    private let facts = LineageFacts()

    private func reply(
        _ answers: [PullReply.LogAnswer] = [], heads: [LogSummary] = [], by holder: RegionNumber
    ) -> PullReply {
        var reply = PullReply(holder: holder, wallTime: WallTime(milliseconds: 1), generation: 1)
        (reply.answers, reply.heads) = (answers, heads)
        return reply
    }

    /// Region 2's, linked to `holder`, which tells the whole chain, and held to `base` as an adopted place.
    private func follower(
        _ base: LogSummary, chain: [EncodedBatch], by holder: RegionNumber
    ) throws -> FollowerInstance {
        var follower = FollowerInstance(own: RegionNumber(2), incarnation: Incarnation(50), held: [])
        follower.onLink(holder, generation: 1)
        _ = try follower.onReply(reply(heads: [Sample.head(chain, log)], by: holder), from: holder, to: [], facts)
        follower.onAdopted(base)
        return follower
    }

    private func place(behind batches: [EncodedBatch]) -> LogSummary {
        var summary = Sample.head(batches, log)
        (summary.base, summary.baseDigest) = (summary.flushedEnd, summary.endDigest)
        return summary
    }

    /// A place at the right offset with a digest of nothing.
    private func lie(_ chain: [EncodedBatch]) -> LogSummary {
        var lie = place(behind: [chain[0]])
        (lie.endDigest, lie.baseDigest) = (.zero, .zero)
        return lie
    }

    @Test func aPlaceThatTheOriginDoesNotKnowIsFetchedAnew() throws {
        let chain = try Sample.chain(log, 3)
        var epochLie = place(behind: [chain[0]])
        epochLie.epoch = Epoch(.max)
        let lies: [(LogSummary, PullReply.Answer)] = [
            (lie(chain), .otherChain), (epochLie, .batches(Array(chain[1...]))),
        ]
        for (wrong, answer) in lies {
            var follower = try follower(wrong, chain: chain, by: Self.origin)
            let asked = follower.positions(for: Self.origin, facts)
            let directives = try follower.onReply(
                reply([.init(log: log, answer)], by: Self.origin), from: Self.origin, to: asked, facts)
            guard case .alarm(log, _)? = directives.first else {
                Issue.record("nobody hears of it: \(directives)")
                continue
            }
            #expect(follower.short(facts) == [log] && !follower.isComing(log, to: Offset(6), facts))
            #expect(follower.positions(for: Self.origin, facts).isEmpty)
            // Behind the next one it goes on as any other log.
            follower.onAdopted(place(behind: Array(chain[..<2])))
            #expect(follower.short(facts).isEmpty && follower.stopped.isEmpty)
            #expect(follower.positions(for: Self.origin, facts).map(\.offset) == [chain[1].endOffset])
        }
    }

    @Test func anotherMembersWordAgainstThePlaceIsNotEnough() throws {
        let chain = try Sample.chain(log, 3)
        var follower = try follower(lie(chain), chain: chain, by: Self.relay)
        let asked = follower.positions(for: Self.relay, facts)
        _ = try follower.onReply(
            reply([.init(log: log, .otherChain)], by: Self.relay), from: Self.relay, to: asked, facts)
        #expect(follower.short(facts).isEmpty && follower.stopped[log] != nil)
    }

    @Test func aPlaceThatWasFollowedIsDoubtedNoMore() throws {
        let chain = try Sample.chain(log, 3)
        var follower = try follower(place(behind: [chain[0]]), chain: chain, by: Self.origin)
        var asked = follower.positions(for: Self.origin, facts)
        _ = try follower.onReply(
            reply([.init(log: log, .batches([chain[1]]))], by: Self.origin), from: Self.origin, to: asked, facts)
        asked = follower.positions(for: Self.origin, facts)
        #expect(asked.map(\.offset) == [chain[1].endOffset])
        _ = try follower.onReply(
            reply([.init(log: log, .otherChain)], by: Self.origin), from: Self.origin, to: asked, facts)
        #expect(follower.short(facts).isEmpty && follower.stopped[log] != nil)
    }

    /// An origin that writes two chains would have snapshots fetched for ever.
    @Test func aLogIsDoubtedAFewTimesOnly() throws {
        let chain = try Sample.chain(log, 3)
        let wrong = lie(chain)
        var follower = try follower(wrong, chain: chain, by: Self.origin)
        var doubts = 0
        for _ in 0..<10 {
            let asked = follower.positions(for: Self.origin, facts)
            _ = try follower.onReply(
                reply([.init(log: log, .otherChain)], by: Self.origin), from: Self.origin, to: asked, facts)
            if follower.short(facts) == [log] { doubts += 1 }
            follower.onAdopted(wrong)
        }
        #expect(doubts == 3)
    }
}
