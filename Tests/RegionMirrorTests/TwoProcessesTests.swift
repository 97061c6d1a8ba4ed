// HISTORIES 28 on the follower: what two processes of one region left, and what the older of them hears (S1a).

import ClusterModel
import EventLog
import Testing

@testable import RegionMirror

@Suite struct TwoProcessesTests {
    private static let holder = RegionNumber(1)
    private static let now = WallTime(milliseconds: 1_700_000_000_000)
    private static let maxDrift = TimeBounds.standard.maxDrift
    /// The log that goes on, and the one that was begun beside it.
    private let first = Sample.log(1, incarnation: 7)
    private let second = Sample.log(1, incarnation: 8)
    private let facts = LineageFacts()

    /// One batch a stamp.
    private static func chain(_ log: LogIdentity, _ stamps: [WallTime]) throws -> [EncodedBatch] {
        var batches: [EncodedBatch] = []
        for (index, stamp) in stamps.enumerated() {
            let record = EventRecord(
                kind: .interaction, stamp: HybridStamp(at: stamp), id: EventID(time: 1, client: UInt64(index)),
                body: [1])
            batches.append(
                try EncodedBatch(
                    sealing: [record], of: log, epoch: Epoch(1), baseOffset: batches.last?.endOffset ?? .zero,
                    previousDigest: batches.last?.chainDigest ?? .zero))
        }
        return batches
    }

    /// Region 2's follower, which holds `held` of what one process of region 1 wrote and is told of `told` of the other.
    private func follower(_ held: [EncodedBatch], told: [EncodedBatch]) throws -> FollowerInstance {
        var follower = FollowerInstance(
            own: RegionNumber(2), incarnation: Incarnation(50),
            held: held.first.map { [Sample.head(held, $0.header.log)] } ?? [], maxDrift: Self.maxDrift)
        follower.ceiling = TimeCeiling(at: Self.now)
        follower.onLink(Self.holder, generation: 1)
        let log = try #require(told.first).header.log
        _ = try follower.onReply(reply(heads: [Sample.head(told, log)]), from: Self.holder, to: [], facts)
        return follower
    }

    private func reply(_ answers: [PullReply.LogAnswer] = [], heads: [LogSummary] = []) -> PullReply {
        var reply = PullReply(holder: Self.holder, wallTime: Self.now, generation: 1)
        (reply.answers, reply.heads) = (answers, heads)
        return reply
    }

    @Test("HISTORIES 28, S1a: an opening more than 2D below a known stamp of its line never reaches the disk")
    func history28AnOpeningBesideItsLineIsRefused() throws {
        let held = try Self.chain(first, [Self.now.advanced(by: .seconds(-60)), Self.now])
        let began = Self.now.advanced(by: .zero - Self.maxDrift * 2 - .milliseconds(1))
        let beside = try Self.chain(second, [began, Self.now])
        var follower = try follower(held, told: beside)
        let asked = follower.positions(for: Self.holder, facts)
        #expect(asked == [LogPoint(startOf: second)])
        let answer = reply([.init(log: second, .batches(beside))])
        let directives = try follower.onReply(answer, from: Self.holder, to: asked, facts)
        #expect(directives == [.alarm(second, .besideItsLine(Self.now))])
        #expect(follower.position(of: second) == .zero)
        // It is not asked for again, over another link either: its state comes inside a snapshot.
        #expect(follower.short(facts) == [second] && !follower.isComing(second, to: Offset(1), facts))
        follower.onLink(Self.holder, generation: 2)
        var again = reply(heads: [Sample.head(beside, second)])
        again.generation = 2
        _ = try follower.onReply(again, from: Self.holder, to: [], facts)
        #expect(follower.positions(for: Self.holder, facts).isEmpty && follower.short(facts) == [second])
        // Behind the snapshot it goes on as any other log.
        follower.onAdopted(Sample.head([beside[0]], second))
        #expect(follower.short(facts).isEmpty)
        #expect(follower.positions(for: Self.holder, facts).map(\.offset) == [Offset(1)])
    }

    @Test("HISTORIES 28, S1a: a line may begin up to 2D below, and an older one below everything (HISTORIES 3, 4)")
    func history28LinesThatGoOnAreTaken() throws {
        let stamps = [Self.now.advanced(by: .seconds(-60)), Self.now]
        let edge = try Self.chain(second, [Self.now.advanced(by: .zero - Self.maxDrift * 2)])
        for (held, told) in [
            (try Self.chain(first, stamps), edge), (try Self.chain(second, stamps), try Self.chain(first, [stamps[0]])),
            (try Self.chain(Sample.log(2, incarnation: 7), stamps), try Self.chain(second, [stamps[0]])),
        ] {
            var follower = try follower(held, told: told)
            let log = told[0].header.log
            let directives = try follower.onReply(
                reply([.init(log: log, .batches(told))]), from: Self.holder, to: [LogPoint(startOf: log)], facts)
            #expect(directives == told.map { .submit($0) })
        }
    }

    @Test("HISTORIES 28, S1b: a log beside its line is given up where its end is agreed at nothing")
    func history28AgreedAway() throws {
        let held = try Self.chain(first, [Self.now])
        let beside = try Self.chain(second, [Self.now.advanced(by: .seconds(-60))])
        var follower = try follower(held, told: beside)
        _ = try follower.onReply(
            reply([.init(log: second, .batches(beside))]), from: Self.holder, to: [LogPoint(startOf: second)], facts)
        #expect(follower.short(facts) == [second])
        var agreed = facts
        _ = agreed.onAgreed(try Sample.ends(second.name, writer: 9, [(7, 1)]))
        #expect(follower.short(agreed).isEmpty)
        var settled = facts
        settled.onBase(EndsPoint(number: Incarnation(9), digest: .zero), of: second.name)
        #expect(follower.short(settled).isEmpty)
    }

    @Test("S1a: a writer hears a higher number of its own line, once a number, from who holds bytes of it")
    func aWriterIsOutrun() throws {
        var follower = FollowerInstance(own: RegionNumber(2), incarnation: Incarnation(50), held: [])
        follower.ceiling = TimeCeiling(at: Self.now)
        follower.onLink(Self.holder, generation: 1)
        func heads(_ incarnations: [UInt64], _ batches: Int = 1) throws -> [LogSummary] {
            try incarnations.map { number in
                let log = Sample.log(1, region: 2, incarnation: number)
                return Sample.head(try Sample.chain(log, batches), log)
            }
        }
        let never: UInt64 = .max
        // Its own line below and at its own number, an empty log, and what no clock can have made.
        for quiet in [try heads([49, 50]), try heads([51], 0), try heads([never])] {
            let directives = try follower.onReply(reply(heads: quiet), from: Self.holder, to: [], facts)
            #expect(!directives.contains { if case .outrun = $0 { true } else { false } })
        }
        for (told, expected) in [([52, 51], [52]), ([52], []), ([53], [53])] as [([UInt64], [UInt64])] {
            let directives = try follower.onReply(reply(heads: try heads(told)), from: Self.holder, to: [], facts)
            #expect(directives == expected.map { .outrun(by: Incarnation($0)) })
        }
    }

    @Test("S1a: ends of a later start are no alarm beside the log that ends this process, and change nothing here")
    func endsOfALaterStart() throws {
        var follower = FollowerInstance(own: RegionNumber(2), incarnation: Incarnation(50), held: [])
        follower.ceiling = TimeCeiling(at: Self.now)
        follower.onLink(Self.holder, generation: 1)
        let later = Sample.log(1, region: 2, incarnation: 51)
        var told = reply(heads: [Sample.head(try Sample.chain(later, 1), later)])
        told.agreedEnds = [try Sample.ends(later.name, writer: 51, [(7, 0)])]
        let directives = try follower.onReply(told, from: Self.holder, to: [], facts)
        #expect(directives == [.outrun(by: Incarnation(51))])
    }

    @Test("S1a: a node's mirror tells it that it is outrun, by a region that holds the later log")
    func aMirrorTells() throws {
        let world = MirrorWorld(seed: 5, regions: 2)
        world.startAll()
        world.run(.milliseconds(100))
        #expect(world[2].outrunBy == nil)
        let later = Sample.log(0, region: 2, incarnation: world[2].incarnation.rawValue + 9)
        for batch in try Sample.chain(later, 1) { try world[1].log?.submit(batch) }
        #expect(world.run { world[2].outrunBy == later.incarnation })
    }
}
