// S3, S5, S9, S10: replicas that applied the same events are equal, whatever the order, the origin and the copies.

import ClusterModel
import EventLog
import MergeableState
import NodeEnvironment
import Testing

@testable import Personalization

@Suite struct ShardStateTests {
    /// S3: any order of arrival gives the same digest, rows and popularity.
    @Test(arguments: 0..<200 as Range<UInt64>)
    func orderDoesNotMatter(seed: UInt64) throws {
        var random = RandomEvents(seed: seed)
        let events = random.events(60)
        var first = try ShardState.folding(events)
        var second = try ShardState.folding(events.shuffled(using: &random.generator))
        #expect(first.digest() == second.digest(), "seed \(seed)")
        #expect(first.rows == second.rows, "seed \(seed)")
        #expect(first.popularity == second.popularity, "seed \(seed)")
    }

    /// S5: the same event through two origins counts once; HISTORIES 1 and 20 in their smallest form.
    @Test(arguments: 0..<100 as Range<UInt64>)
    func copiesCountOnce(seed: UInt64) throws {
        var random = RandomEvents(seed: seed)
        let events = random.events(40)
        var once = try ShardState.folding(events)
        var twice = try ShardState.folding(events)
        try twice.fold(events.shuffled(using: &random.generator), region: 2)
        #expect(once.digest() == twice.digest(), "seed \(seed)")
    }

    /// HISTORIES 11: the same profile write through two regions around another write.
    @Test func registersFollowIDsNotArrival() throws {
        let user = UserKey(userID: "u")
        func write(_ language: String, _ time: UInt64) -> RandomEvents.Drawn {
            .init(
                id: EventID(at: WallTime(milliseconds: time), sequence: 0, client: 1),
                event: .profile(ProfileEvent(user: user, language: language)))
        }
        let (old, new) = (write("en", 1_000), write("pt", 2_000))
        let state = try ShardState.folding([old, new, old])
        #expect(state.user(user)?.language.value == "pt")
    }

    /// HISTORIES 13: an erase in the middle of a bucket, with events before, after and late.
    @Test func eraseInTheMiddleOfABucket() throws {
        let user = UserKey(userID: "u")
        let day = RandomEvents.day
        let midday = 20_000 * day + day / 2
        func click(_ time: UInt64) -> RandomEvents.Drawn {
            .init(
                id: EventID(at: WallTime(milliseconds: time), sequence: 0, client: time),
                event: .interaction(
                    InteractionEvent(
                        user: user, kind: .click, contentID: "c",
                        attributes: ItemAttributes(category: 7, language: "en"),
                        occurredAt: WallTime(milliseconds: time))))
        }
        let erase = RandomEvents.Drawn(
            id: EventID(at: WallTime(milliseconds: midday), sequence: 0, client: 9),
            event: .erase(EraseEvent(user: user, cut: WallTime(milliseconds: midday))))
        let events = [click(midday - 10), erase, click(midday + 10), click(midday + day)]
        var digests: Set<Digest128> = []
        for rotation in 0..<events.count {
            var state = try ShardState.folding(Array(events[rotation...] + events[..<rotation]))
            digests.insert(state.digest())
            // The bucket of the erased day started before the cut: nothing of it counts. The set keeps what came after.
            #expect(state.user(user)?.categories.total(of: 7) == InteractionKind.click.weight)
            #expect(state.user(user)?.actions.entries.count == 2)
        }
        #expect(digests.count == 1)
    }

    /// HISTORIES 14: a withdrawal and a concurrent grant that has not seen it.
    @Test func aConcurrentGrantDoesNotCancelAWithdrawal() throws {
        let user = UserKey(userID: "u")
        func consent(_ change: ConsentEvent.Change, _ time: UInt64) -> RandomEvents.Drawn {
            .init(id: EventID(time: time, client: 1), event: .consent(ConsentEvent(user: user, change: change)))
        }
        let withdrawal = consent(.withdrawal(replacing: []), 1)
        let blind = consent(.grant(cancelling: []), 2)
        for events in [[withdrawal, blind], [blind, withdrawal]] {
            #expect(try ShardState.folding(events).user(user)?.allowsPersonalization == false)
        }
        let seeing = consent(.grant(cancelling: [withdrawal.id]), 3)
        #expect(try ShardState.folding([seeing, withdrawal]).user(user)?.allowsPersonalization == true)
    }

    /// A counter whose buckets cancelled out still keeps older buckets out.
    @Test func cancelledCountersRememberTheirNewestBucket() throws {
        var sums = SumsByKey<UInt16>()
        let (new, old) = (WallTime(milliseconds: 100 * RandomEvents.day), WallTime(milliseconds: 60 * RandomEvents.day))
        sums.add(4, to: 1, at: new)
        sums.add(-4, to: 1, at: new)
        sums.add(4, to: 1, at: old)
        var other = SumsByKey<UInt16>()
        other.add(4, to: 1, at: old)
        other.add(4, to: 1, at: new)
        other.add(-4, to: 1, at: new)
        #expect(sums == other)
        #expect(sums.total(of: 1) == 0)
    }

    /// S10: a digest after a few more events is the digest of the whole fold, and an empty row counts 0.
    @Test(arguments: 0..<20 as Range<UInt64>)
    func digestsAreKeptUpToDate(seed: UInt64) throws {
        var random = RandomEvents(seed: seed)
        let events = random.events(50)
        var grown = ShardState(partition: PartitionID(0))
        for (place, drawn) in events.enumerated() {
            try grown.fold([drawn], region: 1, from: UInt64(place))
            _ = grown.digest()
        }
        var fresh = try ShardState.folding(events)
        #expect(grown.digest() == fresh.digest(), "seed \(seed)")
        let beacon = BeaconEvent(
            user: UserKey(userID: "new"), kind: .unlock, surface: .feed, occurredAt: WallTime(milliseconds: 1))
        let before = fresh.digest()
        try fresh.fold([.init(id: EventID(time: 1, client: 77), event: .beacon(beacon))], region: 1, from: 50)
        #expect(fresh.digest() == before)
    }

    /// S3: what this version does not know stops the log.
    @Test func unknownKindsAndGapsStopTheLog() throws {
        var state = ShardState(partition: PartitionID(0))
        let unknown = EventRecord(
            kind: RecordKind(rawValue: 999), stamp: .zero, id: EventID(time: 0, client: 0), body: [])
        #expect(throws: ApplyError.unknownKind(RecordKind(rawValue: 999))) {
            try state.apply(unknown, in: RegionNumber(1), Incarnation(1), at: .zero)
        }
        let mark = EventRecord(kind: .timeMark, stamp: .zero, id: EventID(time: 0, client: 0), body: [])
        #expect(throws: ApplyError.gap(expected: .zero, found: Offset(1))) {
            try state.apply(mark, in: RegionNumber(1), Incarnation(1), at: Offset(1))
        }
        let damaged = EventRecord(kind: .interaction, stamp: .zero, id: EventID(time: 1, client: 1), body: [1, 2, 3])
        #expect(throws: ApplyError.self) {
            try state.apply(damaged, in: RegionNumber(1), Incarnation(1), at: .zero)
        }
        #expect(state.vector == VersionVector())
    }

    /// S3: a reserved kind that this version does not implement stops the log as an unknown one does, in every topic; and so
    /// does an event of another topic. Skipping one would leave what it says unsaid.
    @Test(arguments: [
        RecordKind.epochStart, .membership, .replayClaim, .recovered, .model, RecordKind(rawValue: 8),
        RecordKind(rawValue: 38), RecordKind(rawValue: 999),
    ])
    func reservedKindsStopEveryTopicsLog(kind: RecordKind) {
        let record = EventRecord(kind: kind, stamp: .zero, id: EventID(time: 1, client: 1), body: [])
        func outcome(_ state: some LogFold, _ record: EventRecord) -> ApplyError? {
            var state = state
            do throws(ApplyError) {
                try state.apply(record, in: RegionNumber(1), Incarnation(1), at: .zero)
                return nil
            } catch {
                return state.lines.vector == VersionVector() ? error : nil
            }
        }
        let (users, content) = (ShardState(partition: PartitionID(0)), ContentState(limit: 9))
        let effects = EffectFold(PartitionID(0), at: EffectPosition(), knowing: [])
        #expect(outcome(users, record) == .unknownKind(kind))
        #expect(outcome(content, record) == .unknownKind(kind))
        #expect(outcome(effects, record) == .unknownKind(kind))
        let click = EventRecord(kind: .interaction, stamp: .zero, id: EventID(time: 1, client: 1), body: [])
        #expect(outcome(content, click) == .unknownKind(.interaction))
        let item = EventRecord(kind: .content, stamp: .zero, id: EventID(time: 1, client: 1), body: [])
        #expect(outcome(users, item) == .unknownKind(.content))
    }

    /// S4: no door lets an id in that lies far ahead of its record's stamp; a log that holds one stops before it has an effect.
    @Test func anIDFarBeyondItsStampStopsTheLog() throws {
        let time = WallTime(milliseconds: 1_700_000_000_000)
        let event = UserEvent.interaction(
            InteractionEvent(user: UserKey(userID: "u"), kind: .click, contentID: "c", occurredAt: time))
        func record(_ ahead: Duration) -> EventRecord {
            EventRecord(
                kind: event.kind, stamp: HybridStamp(at: time),
                id: EventID(at: time.advanced(by: ahead), sequence: 0, client: 1), body: event.body)
        }
        var state = try ShardState.folding([])
        let next = state.lines.next(in: RegionNumber(1), Incarnation(1))
        let before = state.digest()
        #expect(throws: ApplyError.self) {
            try state.apply(
                record(TimeBounds.largestMaxFuture + .milliseconds(1)), in: RegionNumber(1), Incarnation(1), at: next)
        }
        #expect(state.digest() == before)
        try state.apply(record(TimeBounds.largestMaxFuture), in: RegionNumber(1), Incarnation(1), at: next)
        #expect(state.digest() != before)
    }

    /// S1a: what the lines hold back, or what lies beyond an agreed end, changes nothing of a state, whatever its topic.
    @Test func theLinesAreAskedBeforeAnythingChanges() throws {
        let name = LogName(region: RegionNumber(1), topic: .content, partition: PartitionID(0))
        let nothing = try #require(EndsRecord([]))
        let ends = try #require(AgreedEnds(name: name, writer: Incarnation(9), ends: nothing))
        var state = ContentState(limit: 9)
        state.learn(ends)
        let event = ContentEvent.publish(try ContentSamples.item("tail"))
        let record = EventRecord(kind: .content, stamp: .zero, id: EventID(time: 1, client: 1), body: event.body)
        #expect(throws: ApplyError.beyondAgreedEnd(incarnation: Incarnation(1), end: .zero)) {
            try state.apply(record, in: RegionNumber(1), Incarnation(1), at: .zero)
        }
        #expect(throws: ApplyError.gap(expected: .zero, found: Offset(3))) {
            try state.apply(record, in: RegionNumber(1), Incarnation(9), at: Offset(3))
        }
        #expect(state.catalogue.count == 0 && state.lines.vector == VersionVector())
    }

    /// S9: a marker of an erasure lives until every origin's time is past its cut by S8's maximum, and with it goes a row that
    /// holds nothing else. A snapshot keeps it until then.
    @Test func markersOfErasuresGoWhenNothingTheyCoverCanCome() throws {
        let life = PersonalizationLimits.personalDataLife
        #expect(life > StateLimits.interestBucket + TimeBounds.standard.maxAge)
        let (gone, kept) = (UserKey(userID: "gone"), UserKey(userID: "kept"))
        let cut = WallTime(milliseconds: RandomEvents.start)
        let erasures = [gone, kept].map {
            RandomEvents.Drawn(
                id: EventID(at: cut, sequence: 0, client: $0.digest.low),
                event: .erase(EraseEvent(user: $0, cut: cut)))
        }
        let language = RandomEvents.Drawn(
            id: EventID(at: cut.advanced(by: .seconds(9)), sequence: 0, client: 1),
            event: .profile(ProfileEvent(user: kept, language: "en")))
        let folded = try ShardState.folding(erasures + [language])
        var state = try ShardSnapshot.decode(ShardSnapshot.encode(folded), partition: PartitionID(0))
        func mark(_ time: WallTime, at offset: UInt64) throws {
            let record = EventRecord(
                kind: .timeMark, stamp: HybridStamp(at: time), id: EventID(time: 0, client: 0), body: [])
            try state.apply(record, in: RegionNumber(1), Incarnation(1), at: Offset(offset))
            state.forgetErasures(olderThan: life, members: [RegionNumber(1)])
        }
        let before = state.digest()
        try mark(cut.advanced(by: life), at: 3)
        #expect((state.userCount, state.markerRowCount) == (1, 1) && state.user(gone)?.erasedUpTo == cut)
        try mark(cut.advanced(by: life + .seconds(7_200)), at: 4)
        #expect(state.user(gone) == nil && (state.userCount, state.markerRowCount) == (1, 0))
        #expect(state.user(kept)?.erasedUpTo == nil && state.user(kept)?.language.value == "en")
        #expect(state.digest() == before, "markers are outside the digest")
    }

    /// S5: forgetting follows the origins' times and never shortens the window.
    @Test func idsAreForgottenByOriginTime() {
        var index = IDIndex()
        let bounds = TimeBounds.standard
        func key(_ milliseconds: UInt64) -> MergeOrder {
            MergeOrder(
                id: EventID(at: WallTime(milliseconds: milliseconds), sequence: 0, client: 1), bodyDigest: 5)
        }
        let time = WallTime(milliseconds: 10_000_000)
        let horizon = time.advanced(by: .zero - bounds.forgetAfter)
        for offset in stride(from: 0, through: 40_000, by: 500) {
            let isNew = index.insert(key(horizon.milliseconds - 20_000 + UInt64(offset)))
            #expect(isNew)
        }
        let before = index.count
        index.forget(before: horizon)
        #expect(index.count < before)
        #expect(index.contains(key(horizon.milliseconds)))
        #expect(!index.contains(key(horizon.milliseconds - 20_000)))
        let isNewAgain = index.insert(key(horizon.milliseconds))
        #expect(!isNewAgain)
        #expect(index.keys.count == index.count)
    }
}
