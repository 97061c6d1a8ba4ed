// The door and the core of a shard: S4, S5, S6, S9, without I/O.

import ClusterModel
import EventLog
import MergeableState
import Synchronization
import Testing

@testable import Personalization

@Suite struct ShardCoreTests {
    private static let now = WallTime(milliseconds: 1_700_000_000_000)
    private static let user = UserKey(userID: "user")
    private static let log = LogIdentity(
        name: LogName(region: RegionNumber(1), topic: .userEvents, partition: PartitionID(0)),
        incarnation: Incarnation(5))

    private func core(maxUsers: Int = 100, maxIDs: Int = 100) -> ShardCore {
        ShardCore(
            settings: ShardSettings(
                region: RegionNumber(1), members: [RegionNumber(1)], maxUsers: maxUsers, maxIndexedIDs: maxIDs),
            state: ShardState(partition: PartitionID(0)),
            appender: OriginAppender(writer: OriginLogWriter(log: Self.log, epoch: Epoch(1)), stampFloor: .zero),
            client: 99)
    }

    private func click(_ time: WallTime, client: UInt64 = 1, user: UserKey = user) -> SubmittedEvent {
        SubmittedEvent(
            id: EventID(at: time, sequence: 0, client: client),
            event: .interaction(
                InteractionEvent(user: user, kind: .click, contentID: "c", occurredAt: time)))
    }

    private func isApplied(_ result: EventResult) -> Bool {
        if case .applied = result.outcome { return true }
        return false
    }

    /// S4, HISTORIES 15: ids outside (stamp - R, stamp + F] are refused, the bounds included as the rule has them.
    @Test func theDoorBoundsIDTimes() throws {
        var core = core()
        let bounds = TimeBounds.standard
        let cases: [(WallTime, EventIDVerdict)] = [
            (Self.now.advanced(by: bounds.maxFuture), .admitted),
            (Self.now.advanced(by: bounds.maxFuture + .milliseconds(1)), .tooNew),
            (Self.now.advanced(by: .zero - bounds.maxAge), .tooOld),
            (Self.now.advanced(by: .milliseconds(1) - bounds.maxAge), .admitted),
            (WallTime(milliseconds: 2_051_222_400_000), .tooNew),
            (Self.now.advanced(by: .seconds(-86_400)), .tooOld),
        ]
        for (place, (time, verdict)) in cases.enumerated() {
            let result = try core.report([click(time, client: UInt64(place))], of: Self.user, at: Self.now).results[0]
            #expect(isApplied(result) == (verdict == .admitted), "case \(place)")
            if verdict != .admitted { #expect(result.outcome == .refused(verdict)) }
        }
    }

    /// S5: a retry is a duplicate; the same id with another body is another event.
    @Test func retriesAreDuplicates() throws {
        var core = core()
        let event = click(Self.now)
        #expect(isApplied(try core.report([event], of: Self.user, at: Self.now).results[0]))
        let retry = try core.report([event, event], of: Self.user, at: Self.now)
        #expect(retry.results.map(\.outcome) == [.duplicate, .duplicate])
        #expect(retry.through == Offset(1))
        var other = event
        other.event = .interaction(
            InteractionEvent(user: Self.user, kind: .like, contentID: "c", occurredAt: Self.now))
        #expect(isApplied(try core.report([other], of: Self.user, at: Self.now).results[0]))
    }

    /// S6: a duplicate of an event that is not flushed yet waits like the event itself.
    @Test func aDuplicateWaitsForTheFlushOfItsEvent() throws {
        var core = core()
        let event = click(Self.now)
        _ = try core.report([event], of: Self.user, at: Self.now)
        let through = try core.report([event], of: Self.user, at: Self.now).through
        let answered = Mutex(0)
        core.appender.wait(through: through) { _ in answered.withLock { $0 += 1 } }
        #expect(answered.withLock { $0 } == 0)
        for answer in core.appender.onFlushed(to: Offset(1)) { answer(.success(())) }
        #expect(answered.withLock { $0 } == 1)
    }

    @Test func boundsRefuseByType() throws {
        var core = core(maxUsers: 1, maxIDs: 3)
        let other = UserKey(userID: "other")
        _ = try core.report([click(Self.now)], of: Self.user, at: Self.now)
        let refused = try core.report([click(Self.now, client: 2, user: other)], of: other, at: Self.now)
        #expect(refused.results[0].outcome == .shardFull)
        let filling = try core.report((3..<8).map { click(Self.now, client: $0) }, of: Self.user, at: Self.now)
        #expect(filling.results.map { isApplied($0) } == [true, true, false, false, false])
    }

    /// S9: the door sets the cut of an erase, and what a grant cancels is what is open here and older than it.
    @Test func theShardCompletesErasesAndGrants() throws {
        var core = core()
        func consent(_ change: ConsentEvent.Change, _ client: UInt64) -> SubmittedEvent {
            SubmittedEvent(
                id: EventID(at: Self.now, sequence: 0, client: client),
                event: .consent(ConsentEvent(user: Self.user, change: change)))
        }
        _ = try core.report(
            [consent(.withdrawal(replacing: []), 1), consent(.withdrawal(replacing: []), 2)], of: Self.user,
            at: Self.now)
        #expect(core.state.user(Self.user)?.allowsPersonalization == false)
        _ = try core.report([consent(.grant(cancelling: []), 3)], of: Self.user, at: Self.now)
        #expect(core.state.user(Self.user)?.allowsPersonalization == true)
        let erase = SubmittedEvent(
            id: nil, event: .erase(EraseEvent(user: Self.user, cut: WallTime(milliseconds: 0))))
        _ = try core.report([erase], of: Self.user, at: Self.now)
        let cut = try #require(core.state.user(Self.user)?.erasedUpTo)
        let bounds = TimeBounds.standard
        #expect(cut == core.appender.lastStamp.wallTime.advanced(by: bounds.maxFuture + bounds.maxDrift * 2))
    }

    /// S9: a grant cancels withdrawals that are known. Made up ones would push the real ones out of the newest that are kept,
    /// and consent would stay withdrawn for good.
    @Test func aGrantNamesOnlyWithdrawalsThatAreKnown() throws {
        var core = core()
        func consent(_ change: ConsentEvent.Change, _ client: UInt64) -> SubmittedEvent {
            SubmittedEvent(
                id: EventID(at: Self.now, sequence: 0, client: client),
                event: .consent(ConsentEvent(user: Self.user, change: change)))
        }
        let real = consent(.withdrawal(replacing: []), 1)
        _ = try core.report([real], of: Self.user, at: Self.now)
        let known = try #require(real.id)
        for turn in 0..<5 as Range<UInt64> {
            let made = (0..<16).map { EventID(at: Self.now, sequence: 0, client: 100 + turn * 16 + $0) }
            #expect(throws: ShardError.unknownWithdrawal(made[0])) {
                try core.report([consent(.grant(cancelling: made), 1_000 + turn)], of: Self.user, at: Self.now)
            }
        }
        #expect(core.appender.nextOffset == Offset(1))
        let grant = consent(.grant(cancelling: [known]), 2_000)
        #expect(isApplied(try core.report([grant], of: Self.user, at: Self.now).results[0]))
        #expect(core.state.user(Self.user)?.allowsPersonalization == true)
        // A retry is known, whatever it lists now.
        let retry = consent(.grant(cancelling: [EventID(time: 1, client: 1)]), 2_000)
        #expect(try core.report([retry], of: Self.user, at: Self.now).results[0].outcome == .duplicate)
    }

    /// S3, S9: a write without an id says what its caller wants now, though what stands has an id ahead of this clock.
    @Test func aWriteWithoutAnIDStandsAboveWhatItReplaces() throws {
        var core = core()
        let ahead = EventID(at: Self.now.advanced(by: TimeBounds.standard.maxFuture), sequence: 0, client: .max)
        func send(_ event: UserEvent, _ id: EventID? = nil) throws -> EventResult {
            try core.report([SubmittedEvent(id: id, event: event)], of: Self.user, at: Self.now).results[0]
        }
        func consent(_ change: ConsentEvent.Change) -> UserEvent {
            .consent(ConsentEvent(user: Self.user, change: change))
        }
        _ = try send(consent(.withdrawal(replacing: [])), EventID(time: ahead.time - 8, client: .max))
        _ = try send(consent(.grant(cancelling: [])))
        #expect(core.state.user(Self.user)?.consent.isGranted == true)
        _ = try send(consent(.withdrawal(replacing: [])))
        #expect(core.state.user(Self.user)?.consent.isGranted == false)
        _ = try send(
            .profile(ProfileEvent(user: Self.user, language: "en")), EventID(time: ahead.time - 8, client: .max))
        let written = try send(.profile(ProfileEvent(user: Self.user, language: "pt")))
        #expect(core.state.user(Self.user)?.language.value == "pt")
        #expect(core.state.user(Self.user)?.language.order?.id == written.id)
    }

    /// S9: a withdrawal is never refused, whatever the shard is full of, and always appended; it stands for the older ones.
    @Test func withdrawalsAreNeverRefused() throws {
        var core = core(maxUsers: 1, maxIDs: 3)
        _ = try core.report([click(Self.now)], of: Self.user, at: Self.now)
        for client in 1...200 as ClosedRange<UInt64> {
            for user in [Self.user, UserKey(userID: "other")] {
                let event = SubmittedEvent(
                    id: EventID(at: Self.now, sequence: 0, client: client),
                    event: .consent(ConsentEvent(user: user, change: .withdrawal(replacing: []))))
                #expect(isApplied(try core.report([event], of: user, at: Self.now).results[0]), "\(client)")
            }
        }
        let consent = try #require(core.state.user(Self.user)?.consent)
        #expect(consent.openWithdrawals.map(\.client) == [200])
        #expect(consent.withdrawals.ids.count == ConsentState.maxKnown)
    }

    /// Slates have different ids while the wall clock stands and nothing is recorded.
    @Test func slatesHaveDifferentIDs() throws {
        var core = core()
        let query = SlateQuery(user: Self.user, count: 1, seed: 1, now: Self.now)
        let ids = try (0..<100).map { _ in
            try core.slate(query, catalogue: CatalogueSnapshot(), popularity: PopularitySnapshot()).id
        }
        #expect(Set(ids).count == 100)
    }

    /// S6: memory is discarded when the log ends, waiters hear it, and nothing is served from then on.
    @Test func aFencedShardForgetsAndRefuses() throws {
        var core = core()
        let decision = try core.report([click(Self.now)], of: Self.user, at: Self.now)
        let failures = Mutex(0)
        core.appender.wait(through: decision.through) { if case .failure = $0 { failures.withLock { $0 += 1 } } }
        for answer in core.fence(because: "disk").local { answer(.failure(.logFenced("disk"))) }
        #expect(failures.withLock { $0 } == 1)
        #expect(core.state.userCount == 0)
        #expect(throws: ShardError.logFenced("disk")) {
            try core.report([click(Self.now)], of: Self.user, at: Self.now)
        }
    }

    /// S2: an idle log gets a mark once per interval, and stamps never fall when the wall clock does.
    @Test func timeMarksAndStamps() throws {
        var core = core()
        #expect(try core.markTime(at: Self.now))
        #expect(try !core.markTime(at: Self.now.advanced(by: .milliseconds(1_999))))
        #expect(try core.markTime(at: Self.now.advanced(by: .milliseconds(2_000))))
        let before = core.appender.lastStamp
        _ = try core.report([click(Self.now)], of: Self.user, at: Self.now.advanced(by: .seconds(-3)))
        #expect(core.appender.lastStamp > before)
    }

    /// Ids that the shard makes itself are all different.
    @Test func madeIDsAreUnique() throws {
        var core = core()
        let events = (0..<50).map { _ in
            SubmittedEvent(
                id: nil,
                event: .interaction(
                    InteractionEvent(user: Self.user, kind: .click, contentID: "c", occurredAt: Self.now)))
        }
        let results = try core.report(events, of: Self.user, at: Self.now).results
        #expect(Set(results.map(\.id)).count == 50)
        #expect(results.allSatisfy { isApplied($0) })
    }
}
