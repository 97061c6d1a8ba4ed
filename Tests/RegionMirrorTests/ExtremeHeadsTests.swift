// A7: what a holder claims of its logs is anybody's word. Nothing traps, and times that no clock can have made stay outside.

import ClusterModel
import EventLog
import SimulatedEnvironment
import Testing

@testable import RegionMirror

@Suite struct ExtremeHeadsTests {
    private static let holder = RegionNumber(1)
    private static let now = WallTime(milliseconds: 1_700_000_000_000)
    private let facts = LineageFacts()

    private func head(_ log: LogIdentity, end: UInt64, stamp: UInt64 = 9) -> LogSummary {
        LogSummary(
            log: log, base: .zero, baseDigest: .zero, flushedEnd: Offset(end), endDigest: .zero,
            lastStamp: HybridStamp(rawValue: stamp), epoch: Epoch(.max))
    }

    private func follower(_ heads: [LogSummary]) throws -> (FollowerInstance, [FollowerInstance.Directive]) {
        var follower = FollowerInstance(own: RegionNumber(2), incarnation: Incarnation(50), held: [])
        follower.ceiling = TimeCeiling(at: Self.now)
        follower.onLink(Self.holder, generation: 1)
        var reply = PullReply(holder: Self.holder, wallTime: WallTime(milliseconds: .max), generation: 1)
        reply.heads = heads
        let directives = try follower.onReply(reply, from: Self.holder, to: [], facts)
        return (follower, directives)
    }

    @Test("A7: the lag behind a peer that claims logs without end is the largest number")
    func theLagIsClamped() throws {
        let (follower, _) = try follower((1...3).map { head(Sample.log($0), end: .max - 1, stamp: .max) })
        #expect(follower.lag(behind: Self.holder).records == .max)
    }

    @Test("A7: a head of an incarnation that no clock can have made is not asked for, until the clock gets there")
    func incarnationsAheadOfTheClockStayOutside() throws {
        let soon = Sample.log(
            1, incarnation: Incarnation(startedAt: Self.now.advanced(by: .seconds(90_000)), entropy: 1).rawValue)
        let never = Sample.log(2, incarnation: .max)
        let told = try follower([head(soon, end: 5), head(never, end: 5), head(Sample.log(3), end: 5)])
        var follower = told.0
        #expect(told.1.count == 2)
        #expect(follower.positions(for: Self.holder, facts).map(\.log) == [Sample.log(3)])
        follower.ceiling = TimeCeiling(at: Self.now.advanced(by: .seconds(10_000)))
        #expect(follower.positions(for: Self.holder, facts).map(\.log) == [soon, Sample.log(3)])
    }

    @Test("A7: ends by a writer that no clock can have made are not heard")
    func endsOfTheFarFutureAreNotHeard() throws {
        var follower = try follower([]).0
        var reply = PullReply(holder: Self.holder, wallTime: Self.now, generation: 1)
        reply.agreedEnds = [
            try Sample.ends(Sample.log(1).name, writer: .max, [(1, .max)]),
            try Sample.ends(Sample.log(2).name, writer: 8, [(1, 2)]),
        ]
        let directives = try follower.onReply(reply, from: Self.holder, to: [], facts)
        #expect(directives.contains(.heard(reply.agreedEnds[1])) && !directives.contains(.heard(reply.agreedEnds[0])))
    }

    @Test(
        "A7: a batch ahead of every clock that is believed never reaches the disk, and goes on when the clock gets there"
    )
    func batchesAheadOfTheClockAreNotWritten() throws {
        let world = MirrorWorld(seed: 3, regions: 2)
        world.startAll()
        world.run(.milliseconds(100))
        world[1].machine.clock.jumpWallClock(by: .seconds(2 * 86_400))
        try world[1].append(to: 0)
        let log = world[1].own(0)
        world.run(.seconds(3))
        #expect(world[1].end(of: log) == Offset(3))
        #expect(world[2].end(of: log) == .zero)
        #expect(world[2].link(to: 1)?.stopped.map(\.log) == [log])
        #expect(world[2].link(to: 1)?.state == .stopped)
        world[2].machine.clock.jumpWallClock(by: .seconds(2 * 86_400))
        #expect(world.run { world[2].end(of: log) == Offset(3) })
        #expect(world[2].link(to: 1)?.stopped == [])
    }

    @Test("A7, S1a: ends of one's own current line are believed from nobody, and said once")
    func endsOfOnesOwnLineAreBelievedFromNobody() throws {
        var follower = try follower([]).0
        var reply = PullReply(holder: Self.holder, wallTime: Self.now, generation: 1)
        let own = Sample.log(1, region: 2).name
        reply.agreedEnds = [
            try Sample.ends(own, writer: 51, [(7, 0)]), try Sample.ends(Sample.log(2, region: 2).name, writer: 50, []),
            try Sample.ends(Sample.log(3, region: 2).name, writer: 49, [(7, 2)]),
        ]
        let first = try follower.onReply(reply, from: Self.holder, to: [], facts)
        #expect(first.contains(.heard(reply.agreedEnds[2])))
        let alarm = LogIdentity(name: own, incarnation: Incarnation(51))
        #expect(first.contains(.alarm(alarm, .endsOfOurs(Incarnation(51)))) && first.count == 2)
        let second = try follower.onReply(reply, from: Self.holder, to: [], facts)
        #expect(second.allSatisfy { if case .alarm = $0 { false } else { true } })
    }

    @Test("A7: logs of no region, topic or partition of the deployment are not asked for, and leave no trace")
    func logsOfNobodyAreLeftOut() throws {
        let partitions = try #require(PartitionCount(4))
        let scope = LogScope(members: [RegionNumber(1), RegionNumber(2)], partitions: partitions)
        var follower = FollowerInstance(own: RegionNumber(2), incarnation: Incarnation(50), held: [], scope: scope)
        follower.onLink(Self.holder, generation: 1)
        var reply = PullReply(holder: Self.holder, wallTime: Self.now, generation: 1)
        let topic = LogName(region: RegionNumber(1), topic: TopicID(99), partition: PartitionID(0))
        let good = Sample.log(3)
        let bad = [Sample.log(4), Sample.log(1, region: 77), LogIdentity(name: topic, incarnation: Incarnation(7))]
        reply.heads = (bad + [good]).map { head($0, end: 5) }
        reply.agreedEnds = [try Sample.ends(Sample.log(1, region: 77).name, writer: 8, [])]
        let directives = try follower.onReply(reply, from: Self.holder, to: [], facts)
        #expect(directives == bad.map { .alarm($0, .outOfScope) } || directives.count == bad.count)
        #expect(follower.positions(for: Self.holder, facts).map(\.log) == [good])
    }

    @Test("A7: what a peer remembers of this region from the far future raises no start")
    func memoriesOfTheFarFutureAreLeftOut() throws {
        let world = MirrorWorld(seed: 4, regions: 2)
        world.start(1)
        world.run(.milliseconds(100))
        let mad = Sample.log(0, region: 2, incarnation: .max)
        for batch in try Sample.chain(mad, 1) + Sample.chain(Sample.log(1, region: 2, incarnation: 6), 1) {
            try world[1].log?.submit(batch)
        }
        world.run(.milliseconds(100))
        world.start(2)
        world.run(.milliseconds(100))
        let mirror = try #require(world[2].mirror)
        let memory = try world.simulation.drive { await mirror.remember() }
        #expect(memory.reachedPeers == 1)
        #expect(memory.newestIncarnation == Incarnation(6))
    }
}
