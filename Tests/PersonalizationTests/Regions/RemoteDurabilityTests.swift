// S11: reports at `remote(k)` against cursors and deadlines.

import ClusterModel
import EventLog
import MergeableState
import NodeEnvironment
import Testing

@testable import Personalization

@Suite struct RemoteDurabilityTests {
    private static let at = BootInstant(nanoseconds: 1_000)

    private func reached(_ answers: [(RemoteWaiter, reached: Int)]) -> [Int] { answers.map(\.reached) }

    /// S11, JF-17: what came inside a bootstrap's snapshot is not acknowledged, whatever the region holds behind it.
    @Test func partsOfALogAreNoAcks() async throws {
        let loop = QueueLoop()
        let a = try await TestRegion(1, loop: loop)
        let event = a.click("x", client: 1)
        let answers = a.send([event], durability: .remote(regions: 1), within: .seconds(5))
        let end = a.ask { $0.appender.nextOffset }
        a.router.cursorMoved(of: RegionNumber(2), in: a.log, holding: end..<end)
        loop.turn {}
        #expect(answers.all.isEmpty)
        let next = a.send([a.click("x", client: 2)], durability: .remote(regions: 1), within: .seconds(5))
        a.router.cursorMoved(of: RegionNumber(2), in: a.log, holding: end..<end.advanced(by: 1))
        loop.turn {}
        #expect(next.value != nil && answers.all.isEmpty)
        // A repetition is proven by a copy that the region does hold.
        let again = a.send([event], durability: .remote(regions: 1), within: .seconds(5))
        #expect(a.ask { $0.appender.nextOffset } == end.advanced(by: 2) && again.all.isEmpty)
        a.router.cursorMoved(of: RegionNumber(2), in: a.log, holding: end..<end.advanced(by: 2))
        loop.turn {}
        #expect(again.value != nil && answers.all.isEmpty)
    }

    /// k distinct other regions, whatever each reports more than once; a cursor may go down.
    @Test func distinctRegionsCount() {
        var waiters = RemoteWaiters()
        waiters.wait(through: Offset(5), regions: 2, until: Self.at) { _ in }
        waiters.wait(through: Offset(9), regions: 1, until: Self.at) { _ in }
        #expect(reached(waiters.onCursor(of: RegionNumber(2), at: Offset(7))) == [])
        #expect(reached(waiters.onCursor(of: RegionNumber(2), at: Offset(8))) == [])
        #expect(reached(waiters.onCursor(of: RegionNumber(2), at: Offset(4))) == [])
        #expect(reached(waiters.onCursor(of: RegionNumber(3), at: Offset(5))) == [])
        #expect(reached(waiters.onCursor(of: RegionNumber(2), at: Offset(9))) == [2, 1])
        #expect(waiters.regions(holding: Offset(9)) == 1 && waiters.earliestDeadline == nil)
    }

    @Test func waitersExpireByThemselves() {
        var waiters = RemoteWaiters()
        for (place, second) in [3, 1, 2].enumerated() {
            waiters.wait(
                through: Offset(UInt64(place + 1)), regions: 2, until: Self.at.advanced(by: .seconds(second))
            ) { _ in }
        }
        _ = waiters.onCursor(of: RegionNumber(2), at: Offset(2))
        #expect(waiters.earliestDeadline == Self.at.advanced(by: .seconds(1)))
        #expect(reached(waiters.expire(at: Self.at)) == [])
        #expect(reached(waiters.expire(at: Self.at.advanced(by: .seconds(2)))) == [1, 0])
        #expect(waiters.earliestDeadline == Self.at.advanced(by: .seconds(3)))
        #expect(waiters.onFenced().count == 1 && waiters.earliestDeadline == nil)
    }

    @Test func limitsLeaveRoomForTheAnswer() {
        func left(_ deadline: Duration?) -> Duration {
            RemoteAlarm.limit(of: deadline.map { Self.at.advanced(by: $0) }, at: Self.at).since(Self.at)
        }
        #expect(left(.seconds(2)) == .milliseconds(1_995))
        #expect(left(.milliseconds(4)) == .milliseconds(3))
        #expect(left(.milliseconds(-4)) == .zero)
        #expect(left(nil) == RemoteAlarm.patience)
    }

    /// The shard answers before the deadline, with what was reached; the events stand, and a retry is a duplicate.
    @Test func theTypedAnswerComesBeforeTheDeadline() async throws {
        let loop = QueueLoop()
        let a = try await TestRegion(1, of: [1, 2, 3], loop: loop)
        let event = a.click("x", client: 1)
        let late = a.send([event], durability: .remote(regions: 2), within: .seconds(2))
        let soon = a.send([event], durability: .remote(regions: 1), within: .milliseconds(100))
        let end = a.ask { $0.appender.nextOffset }
        loop.advance(by: .milliseconds(96))
        #expect(soon.error == .remoteNotReached(reached: 0) && late.all.isEmpty)
        a.router.cursorMoved(of: RegionNumber(2), in: a.log, to: end)
        loop.advance(by: .milliseconds(1_890))
        #expect(late.all.isEmpty)
        loop.advance(by: .milliseconds(10))
        #expect(late.error == .remoteNotReached(reached: 1) && late.all.count == 1)
        #expect(a.clicks(on: "x") == 1)
        let retry = a.send([event], durability: .remote(regions: 1), within: .seconds(2))
        #expect(retry.value?.results.map(\.outcome) == [.duplicate] && retry.value?.reached == .remote(regions: 1))
    }

    /// Cursors on other incarnations, or by the own region, are nobody's ack.
    @Test func foreignCursorsDoNotCount() async throws {
        let loop = QueueLoop()
        let a = try await TestRegion(1, loop: loop)
        let answer = a.send([a.click("x", client: 1)], durability: .remote(regions: 1), within: .seconds(60))
        let older = LogIdentity(name: a.log.name, incarnation: Incarnation(a.log.incarnation.rawValue - 1))
        a.router.cursorMoved(of: RegionNumber(2), in: older, to: Offset(99))
        a.router.cursorMoved(of: a.number, in: a.log, to: Offset(99))
        a.router.cursorMoved(of: RegionNumber(2), in: a.log, to: Offset(1))
        #expect(answer.all.isEmpty)
        a.router.cursorMoved(of: RegionNumber(2), in: a.log, to: Offset(2))
        #expect(answer.value?.reached == .remote(regions: 1))
        #expect(
            a.send([a.click("x", client: 2)], durability: .remote(regions: 2)).error == .notEnoughRegions(available: 1))
    }

    /// An event that came with another origin's log is not what this log's cursors speak of: at two regions and more a
    /// copy is appended that they do, and it is counted once (S5).
    @Test func aKnownEventIsCopiedForTheCursors() async throws {
        let loop = QueueLoop()
        let a = try await TestRegion(1, of: [1, 2, 3], loop: loop)
        let b = try await TestRegion(2, of: [1, 2, 3], loop: loop)
        let event = a.click("x", client: 1)
        a.send([event])
        try b.pull(from: a)
        let before = b.ask { $0.appender.nextOffset }
        let answer = b.send([event], durability: .remote(regions: 2), within: .seconds(1))
        #expect(b.ask { $0.appender.nextOffset } == before.advanced(by: 1) && b.clicks(on: "x") == 1)
        for region in [1, 3] as [UInt16] {
            b.router.cursorMoved(of: RegionNumber(region), in: b.log, to: before)
        }
        #expect(answer.all.isEmpty)
        for region in [1, 3] as [UInt16] {
            b.router.cursorMoved(of: RegionNumber(region), in: b.log, to: before.advanced(by: 1))
        }
        #expect(answer.value?.results.map(\.outcome) == [.duplicate])
        #expect(b.send([event]).value != nil && b.ask { $0.appender.nextOffset } == before.advanced(by: 1))
    }

    /// S11: the first copy may stand in an older incarnation of this region, which no other region need have: not even one
    /// region is claimed from cursors that speak of the new log only.
    @Test func aKnownEventOfAnOlderIncarnationIsCopied() async throws {
        let loop = QueueLoop()
        let a = try await TestRegion(1, of: [1, 2, 3], loop: loop)
        let event = a.click("x", client: 1)
        a.send([event])
        let anew = try await TestRegion(1, of: [1, 2, 3], disk: a.disk, loop: loop)
        let before = anew.ask { $0.appender.nextOffset }
        anew.router.cursorMoved(of: RegionNumber(2), in: anew.log, to: before)
        let answer = anew.send([event], durability: .remote(regions: 1), within: .seconds(1))
        #expect(answer.all.isEmpty && anew.ask { $0.appender.nextOffset } == before.advanced(by: 1))
        anew.router.cursorMoved(of: RegionNumber(2), in: anew.log, to: before.advanced(by: 1))
        #expect(answer.value?.results.map(\.outcome) == [.duplicate] && anew.clicks(on: "x") == 1)
        // The copy stands in this log now: a further retry needs no other.
        #expect(anew.send([event], durability: .remote(regions: 1)).value?.reached == .remote(regions: 1))
        #expect(anew.ask { $0.appender.nextOffset } == before.advanced(by: 1))
    }

    /// S9, S11: the copy of a grant cancels no more than the grant did.
    @Test func theCopyOfAGrantMeansWhatTheGrantMeant() async throws {
        let loop = QueueLoop()
        let a = try await TestRegion(1, of: [1, 2, 3], loop: loop)
        func send(
            _ change: ConsentEvent.Change, _ client: UInt64, _ region: TestRegion, _ durability: RequestedDurability
        ) {
            let event = UserEvent.consent(ConsentEvent(user: TestRegion.user, change: change))
            let id = EventID(at: WallTime(milliseconds: loop.start.milliseconds + client), sequence: 0, client: client)
            region.send([SubmittedEvent(id: id, event: event)], durability: durability, within: .milliseconds(50))
        }
        loop.advance(by: .seconds(1))
        send(.withdrawal(replacing: []), 5, a, .local)
        send(.grant(cancelling: []), 20, a, .local)
        // Older than the grant, and unseen by it.
        send(.withdrawal(replacing: []), 10, a, .local)
        #expect(a.ask { $0.state.user(TestRegion.user)?.allowsPersonalization } == false)
        let anew = try await TestRegion(1, of: [1, 2, 3], disk: a.disk, loop: loop)
        let before = anew.ask { $0.appender.nextOffset }
        send(.grant(cancelling: []), 20, anew, .local)
        #expect(anew.ask { $0.appender.nextOffset } == before, "a door that knows the id appends nothing")
        send(.grant(cancelling: []), 20, anew, .remote(regions: 1))
        #expect(anew.ask { $0.appender.nextOffset } == before.advanced(by: 1))
        #expect(anew.ask { $0.state.user(TestRegion.user)?.consent.openWithdrawals.map(\.client) } == [10])
    }

    /// HISTORIES 33, S12: the token of a DUPLICATE covers the first copy, in whatever log it stands.
    @Test func theTokenOfADuplicateCoversTheFirstCopy() async throws {
        let loop = QueueLoop()
        let regions = [
            try await TestRegion(1, of: [1, 2, 3], loop: loop), try await TestRegion(2, of: [1, 2, 3], loop: loop),
            try await TestRegion(3, of: [1, 2, 3], loop: loop),
        ]
        let event = regions[1].click("x", client: 1)
        regions[1].send([event])
        try regions[0].pull(from: regions[1])
        let answer = try #require(regions[0].send([event]).value)
        #expect(answer.results.map(\.outcome) == [.duplicate])
        try regions[2].pull(from: regions[0].disk) { $0.name.region == RegionNumber(1) }
        #expect(throws: ShardError.self) { try regions[2].slate(answer.session, requireSession: true).get() }
        try regions[2].pull(from: regions[1])
        #expect(try regions[2].slate(answer.session, requireSession: true).get().session?.isSatisfied == true)
    }

    /// Whoever waits hears that the log has ended.
    @Test func endedLogsAnswerWaiters() async throws {
        let loop = QueueLoop()
        let a = try await TestRegion(1, loop: loop)
        let answer = a.send([a.click("x", client: 1)], durability: .remote(regions: 1), within: .seconds(60))
        a.onShard { $0.end(because: "disk") }
        #expect(answer.error == .logFenced("disk"))
        loop.advance(by: .seconds(90))
        #expect(answer.all.count == 1)
    }
}
