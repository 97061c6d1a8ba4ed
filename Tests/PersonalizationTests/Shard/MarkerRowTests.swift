// Rows that hold only markers: anybody can make them, of users who do not exist (S9; Decisions/0029).

import ClusterModel
import EventLog
import MergeableState
import NodeEnvironment
import Testing

@testable import Personalization

@Suite struct MarkerRowTests {
    fileprivate static let now = WallTime(milliseconds: 1_700_000_000_000)
    fileprivate static let log = LogIdentity(
        name: LogName(region: RegionNumber(1), topic: .userEvents, partition: PartitionID(0)),
        incarnation: Incarnation(5))

    /// A shard's core with its door.
    private final class Door {
        var core: ShardCore

        init(users: Int, markers: Int?, ids: Int, contents: Int) {
            core = ShardCore(
                settings: ShardSettings(
                    region: RegionNumber(1), members: [RegionNumber(1)], maxUsers: users, maxMarkerRows: markers,
                    maxIndexedIDs: ids, maxCountedContents: contents),
                state: ShardState(partition: PartitionID(0)),
                appender: OriginAppender(
                    writer: OriginLogWriter(log: MarkerRowTests.log, epoch: Epoch(1)), stampFloor: .zero), client: 99)
        }

        /// Users, and rows of markers.
        var rows: [Int] { [core.state.userCount, core.state.markerRowCount] }

        func send(_ event: UserEvent) throws -> EventResult.Outcome {
            let event = SubmittedEvent(id: nil, event: event)
            return try core.report([event], of: event.event.user, at: MarkerRowTests.now).results[0].outcome
        }
    }

    private func door(users: Int = 2, markers: Int? = 3, ids: Int = 1_000, contents: Int = 1_000) -> Door {
        Door(users: users, markers: markers, ids: ids, contents: contents)
    }

    private func isApplied(_ outcome: EventResult.Outcome) -> Bool {
        if case .applied = outcome { return true }
        return false
    }

    private func user(_ id: String) -> UserKey { UserKey(userID: id) }

    private func erase(_ id: String) -> UserEvent {
        .erase(EraseEvent(user: user(id), cut: WallTime(milliseconds: 0)))
    }

    private func withdrawal(_ id: String) -> UserEvent {
        .consent(ConsentEvent(user: user(id), change: .withdrawal(replacing: [])))
    }

    private func profile(_ id: String) -> UserEvent { .profile(ProfileEvent(user: user(id), language: "en")) }

    private func click(_ id: String, _ content: String, _ attributes: ItemAttributes? = nil) -> UserEvent {
        .interaction(
            InteractionEvent(
                user: user(id), kind: .click, contentID: content, attributes: attributes, occurredAt: Self.now))
    }

    /// H2: erasures of invented users are refused at a bound of their own, and real users come in all the while.
    @Test func erasuresOfInventedUsersLockNobodyOut() throws {
        let door = door(users: 2, markers: 3)
        for number in 0..<3 { #expect(isApplied(try door.send(erase("x\(number)")))) }
        for number in 3..<50 { #expect(try door.send(erase("x\(number)")) == .shardFull) }
        #expect(door.rows == [0, 3])
        for id in ["one", "two"] { #expect(isApplied(try door.send(profile(id)))) }
        #expect(try door.send(profile("three")) == .shardFull)
        let report = door.core.makeReport()
        #expect((report.users, report.markerRows) == (2, 3))
        #expect(
            door.core.occupancy
                == ShardOccupancy(partition: PartitionID(0), users: 2, maxUsers: 2, markerRows: 3, maxMarkerRows: 3))
    }

    /// S9: an erase of somebody of whom something is known is not refused, whatever the shard is full of.
    @Test func erasuresOfKnownUsersAreNeverRefused() throws {
        let door = door(users: 2, markers: 1, ids: 4)
        for id in ["one", "two"] { #expect(isApplied(try door.send(profile(id)))) }
        #expect(isApplied(try door.send(erase("x"))))
        for id in ["one", "two", "x"] { #expect(isApplied(try door.send(erase(id))), "\(id)") }
        #expect(try door.send(erase("y")) == .shardFull)
    }

    /// A withdrawal is never refused and counts as a marker: real users come in, and erasures of invented ones are refused.
    @Test func withdrawalsOfInventedUsersTakeNoRoomFromUsers() throws {
        let door = door(users: 1, markers: 3)
        for number in 0..<20 { #expect(isApplied(try door.send(withdrawal("x\(number)")))) }
        #expect(door.rows == [0, 20])
        #expect(isApplied(try door.send(profile("real"))))
        #expect(try door.send(erase("y")) == .shardFull)
    }

    /// Who was erased first comes in as everybody does: a marker is no way past the bound of users.
    @Test func aMarkerIsNoWayPastTheBoundOfUsers() throws {
        let door = door(users: 1, markers: 10)
        for id in ["x", "y"] { #expect(isApplied(try door.send(erase(id)))) }
        #expect(isApplied(try door.send(withdrawal("z"))))
        #expect(isApplied(try door.send(profile("real"))))
        for id in ["x", "z"] { #expect(try door.send(profile(id)) == .shardFull) }
        #expect(isApplied(try door.send(withdrawal("x"))))
    }

    /// An erased user gives the place back.
    @Test func anErasedUserIsAMarkerAndMakesRoom() throws {
        let door = door(users: 1)
        #expect(isApplied(try door.send(profile("one"))))
        #expect(isApplied(try door.send(erase("one"))))
        #expect(door.rows == [0, 1])
        #expect(isApplied(try door.send(profile("two"))))
    }

    /// Beacons say nothing of a user that is kept: no row is made for one.
    @Test func eventsThatLeaveNothingTakeNoRow() throws {
        let door = door(users: 1)
        for number in 0..<20 {
            let beacon = BeaconEvent(user: user("\(number)"), kind: .unlock, surface: .unknown, occurredAt: Self.now)
            #expect(isApplied(try door.send(.beacon(beacon))))
        }
        #expect(door.rows == [0, 0])
        #expect(isApplied(try door.send(profile("one"))))
    }

    /// Everybody can make up content ids: beyond the bound only those count that popularity knows, or that bring a token.
    @Test func inventedContentsAreBounded() throws {
        let door = door(users: 5, contents: 3)
        for number in 0..<3 { #expect(isApplied(try door.send(click("one", "c\(number)")))) }
        #expect(try door.send(click("one", "c3")) == .shardFull)
        #expect(isApplied(try door.send(click("two", "c2"))))
        let attributes = ItemAttributes(category: 1, language: "en")
        #expect(isApplied(try door.send(click("two", "served", attributes))))
        #expect(door.core.state.popularity.contents.count == 4)
    }

    @Test func withoutABoundOfItsOwnThereIsAMarkerRowForEveryFourthUser() {
        func bound(_ users: Int) -> Int { door(users: users, markers: nil).core.settings.maxMarkerRows }
        #expect(bound(100_000) == 25_000)
        #expect(bound(10) == ShardSettings.leastMarkerRows)
    }

    /// One entry a row waits for its time, however often and in whatever order a user is erased.
    @Test func repeatedErasuresOfAUserWaitOnce() {
        var times = ErasureTimes()
        let user = user("one")
        var last: WallTime?
        for hour in 0..<100 {
            let cut = Self.now.advanced(by: .seconds(3_600 * hour))
            times.move(user, from: last, to: cut)
            last = cut
        }
        #expect(times.count == 1)
        let early = times.take(before: Self.now.advanced(by: .seconds(3_600 * 98)))
        let due = times.take(before: Self.now.advanced(by: .seconds(3_600 * 101)))
        #expect(early.isEmpty && due == [user])
    }

    /// What is counted while events come is what there is, in any order and after a snapshot.
    @Test(arguments: 0..<30 as Range<UInt64>) func usersAndMarkersAreCountedRight(seed: UInt64) throws {
        var random = RandomEvents(seed: seed, users: 12)
        let state = try ShardState.folding(random.events(60))
        let held = random.users.map { state.holding(of: $0) }
        #expect(state.userCount == held.count { $0 == .user }, "seed \(seed)")
        #expect(state.markerRowCount == held.count { $0 == .markers }, "seed \(seed)")
        let restored = try ShardSnapshot.decode(ShardSnapshot.encode(state), partition: PartitionID(0))
        #expect(
            (restored.userCount, restored.markerRowCount) == (state.userCount, state.markerRowCount), "seed \(seed)")
    }

    /// Facts for operators are a look of the time marks' run.
    @Test func theRouterKnowsHowFullItsShardsAre() async throws {
        let region = try await TestRegion(1, of: [1], loop: QueueLoop(), maxUsers: 8)
        region.send([region.click("x", client: 1)])
        region.loop.turn { [router = region.router] in router.markTimes() }
        let occupancy = region.router.occupancy(at: region.loop.wallTime())
        #expect(
            occupancy.shards == [
                ShardOccupancy(
                    partition: PartitionID(0), users: 1, maxUsers: 8, markerRows: 0,
                    maxMarkerRows: ShardSettings.leastMarkerRows)
            ])
    }
}
