// What a member hands over for a bootstrap is held against the clock (S2, S5).

import ClusterModel
import EventLog
import MergeableState
import Personalization
import RegionMirror
import Testing

@testable import MeridianNode

@Suite struct FetchedStateTests {
    private static let now = WallTime(milliseconds: 1_700_000_000_000)
    private static let year8800 = WallTime(milliseconds: 6_830 * 365 * 86_400_000)
    private static let item = SnapshotItem(topic: .userEvents, partition: PartitionID(0))

    /// One user's profile and click, in a log that began at `stamp` with a number of `number`, under an id of `id`.
    private func state(
        stamp: WallTime = now, number: WallTime = now, id: WallTime = now
    ) throws -> ShardState {
        var state = ShardState(partition: PartitionID(0))
        let user = UserKey(userID: "u")
        let opening = OpeningRecord(predecessor: nil, applyVersion: StateLimits.applyVersion)
        let profile = UserEvent.profile(ProfileEvent(user: user, language: "en"))
        let click = UserEvent.interaction(
            InteractionEvent(user: user, kind: .click, contentID: "c", occurredAt: id))
        let records: [(RecordKind, [UInt8])] = [
            (.opening, opening.body), (profile.kind, profile.body), (click.kind, click.body),
        ]
        for (offset, (kind, body)) in records.enumerated() {
            let record = EventRecord(
                kind: kind, stamp: HybridStamp(at: stamp, counter: UInt16(offset)),
                id: kind == .opening
                    ? EventID(time: 0, client: 0) : EventID(at: id, sequence: 1, client: UInt64(offset)),
                body: body)
            try state.apply(
                record, in: RegionNumber(1), Incarnation(startedAt: number, entropy: 1), at: Offset(UInt64(offset)))
        }
        return state
    }

    private func fetched(_ state: ShardState) throws(SnapshotError) -> FetchedState {
        try FetchedState(
            ShardSnapshot.encode(state), of: Self.item, contents: 10, upTo: TimeCeiling(at: Self.now))
    }

    @Test("S2, S5: a snapshot with stamps, starts or ids in the year 8800 is refused by name; a true one is taken")
    func timesOfTheFarFuture() throws {
        #expect(try fetched(try state()).lines == (try state()).lines)
        // Up to a day, as for everything that others say.
        let soon = Self.now.advanced(by: TimeCeiling.ahead)
        #expect(throws: Never.self) { try fetched(try state(stamp: soon, number: soon, id: soon)) }
        for mad in [
            try state(stamp: Self.year8800, id: Self.year8800), try state(number: Self.year8800),
            // An id is at most an hour ahead of its record's stamp, or the log stops at it.
            try state(stamp: soon, id: soon.advanced(by: TimeBounds.largestMaxFuture)),
        ] {
            #expect(throws: SnapshotError.aheadOfClock(mad.latestTime)) { try fetched(mad) }
            #expect(mad.latestTime > soon)
        }
    }

    @Test("S2, S5: so is a catalogue with a write from the year 8800")
    func catalogues() throws {
        func bytes(_ id: WallTime) throws -> [UInt8] {
            var state = ContentState(limit: 10)
            let record = EventRecord(
                kind: .content, stamp: HybridStamp(at: id), id: EventID(at: id, sequence: 1, client: 1),
                body: ContentEvent.withdraw(try ContentWithdrawal(id: "c")).body)
            try state.apply(
                record, in: RegionNumber(1), Incarnation(startedAt: Self.now, entropy: 1), at: .zero)
            return ContentSnapshot.encode(state)
        }
        let item = SnapshotItem(topic: .content, partition: PartitionID(0))
        let ceiling = TimeCeiling(at: Self.now)
        #expect(throws: Never.self) {
            try FetchedState(try bytes(Self.now), of: item, contents: 10, upTo: ceiling)
        }
        #expect(throws: SnapshotError.aheadOfClock(Self.year8800)) {
            try FetchedState(try bytes(Self.year8800), of: item, contents: 10, upTo: ceiling)
        }
        #expect(throws: SnapshotError.self) {
            try FetchedState([1, 2, 3], of: item, contents: 10, upTo: ceiling)
        }
    }
}
