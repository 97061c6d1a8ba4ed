// B16: what is shared by all callers has a part for each: one who floods it is refused, and the others are served.

import ClusterModel
import GRPCFraming
import MeridianProtocol
import NIOCore
import NodeEnvironment
import Personalization
import SimulatedEnvironment
import SwiftProtobuf
import Synchronization
import Testing

@testable import ServingAPI

@Suite struct FairShareTests {
    private static let flood = "meridian://shop/client/flood"
    private static let other = "meridian://shop/client/other"

    private static func failure(_ fixture: ServingFixture, _ token: CallToken) throws -> String? {
        guard let end = fixture.ends(of: token).first, case .status = end else { return nil }
        return try Failure(end).reason
    }

    @Test func oneClientsCallsLeaveRoomForAnothers() throws {
        let fixture = try ServingFixture(limits: AdmissionLimits(calls: 80, bytes: 64 << 20, clientPercent: 25))
        fixture.shards.state.withLock { $0.holds = true }
        let request = try ReportTests.request([ReportTests.event()]).encodedBuffer()
        var refused = 0
        for _ in 0..<200 {
            let token = try fixture.start(.report, bytes: request, certificate: Self.flood)
            guard let reason = try Self.failure(fixture, token) else { continue }
            #expect(reason == "CLIENT_SHARE_SPENT")
            refused += 1
        }
        // Writes have seven eighths of 80 calls, and one client a quarter of that.
        #expect(refused == 200 - 17 && fixture.admission.callsInFlight == 17)
        let token = try fixture.start(.report, bytes: request, certificate: Self.other)
        #expect(try Self.failure(fixture, token) == nil)
        fixture.shards.releaseHeld()
        #expect(fixture.admission.callsInFlight == 0 && fixture.admission.bytesInFlight == 0)
        // What was over was given back.
        fixture.shards.state.withLock { $0.holds = false }
        let again = try fixture.start(.report, bytes: request, certificate: Self.flood)
        #expect(try Self.failure(fixture, again) == nil)
    }

    @Test func oneClientsBytesLeaveRoomForAnothers() throws {
        let big = ByteBuffer(repeating: 0x0a, count: 600 << 10)
        let fixture = try ServingFixture(limits: AdmissionLimits(calls: 1_000, bytes: 16 << 20, clientPercent: 25))
        // Malformed messages are answered at once: what is held is held by the admission itself.
        let account = CallerAccounts(ClientCounts(deploymentID: "shop", factory: fixture.metrics))
            .account(of: PeerIdentity(certificateURI: Self.flood, address: "a"))
        var taken = 0
        while fixture.admission.admit(Self.ticket(fixture, big, account)) == nil { taken += 1 }
        // Seven eighths of 16 MiB are for writes; a quarter of that holds five such requests.
        #expect(taken == 5)
        let others = CallerAccounts(ClientCounts(deploymentID: "shop", factory: fixture.metrics))
            .account(of: PeerIdentity(certificateURI: Self.other, address: "a"))
        #expect(fixture.admission.admit(Self.ticket(fixture, big, others)) == nil)
        for _ in 0..<taken { fixture.admission.release(bytes: big.readableBytes, account) }
        fixture.admission.release(bytes: big.readableBytes, others)
        #expect(fixture.admission.bytesInFlight == 0 && account.isIdle && others.isIdle)
    }

    private static func ticket(
        _ fixture: ServingFixture, _ message: ByteBuffer, _ account: CallerAccount
    ) -> AdmissionTicket {
        AdmissionTicket(
            priority: .write, bytes: message.readableBytes, age: .zero, now: fixture.environment.clock.bootTime(),
            executor: fixture.environment.executors.loops[0], account: account)
    }

    /// Each shard took one more report that waited for room, up to its caller's deadline.
    @Test func aFullDiskRefusesAppendsAtTheDoorAndNothingElse() throws {
        let fixture = try ServingFixture()
        let report = try ReportTests.request([ReportTests.event()]).encodedBuffer()
        fixture.admission.isDiskFull = true
        #expect(try Self.failure(fixture, try fixture.start(.report, bytes: report)) == "NO_SPACE")
        #expect(fixture.shards.state.withLock(\.reported.count) == 0 && fixture.admission.callsInFlight == 0)
        #expect(ServingMethod.allCases.filter(\.appends).map(\.name).count == 6)
        // What consumers give up may be what makes room.
        #expect(!ServingMethod.forgetGroup.appends && !ServingMethod.commitCursor.appends)
        let read = try fixture.start(.nextContent, Meridian_V1_NextContentRequest.with { $0.userID = "u" })
        #expect(try Self.failure(fixture, read) != "NO_SPACE")
        fixture.admission.isDiskFull = false
        #expect(try Self.failure(fixture, try fixture.start(.report, bytes: report)) == nil)
    }

    /// Without certificates a connection is who pays.
    @Test func connectionsWithoutACertificateHaveAccountsOfTheirOwn() throws {
        let accounts = CallerAccounts(ClientCounts(deploymentID: "shop", factory: CountingFactory()))
        func account(_ uri: String?, _ address: String) -> CallerAccount {
            accounts.account(of: PeerIdentity(certificateURI: uri, address: address))
        }
        #expect(account(nil, "127.0.0.1:1") === account(nil, "127.0.0.1:1"))
        #expect(account(nil, "127.0.0.1:1") !== account(nil, "127.0.0.1:2"))
        #expect(account(Self.flood, "127.0.0.1:1") === account(Self.flood, "127.0.0.1:2"))
    }

    @Test func accountsAreBoundedAndIdleOnesAreForgotten() {
        let accounts = CallerAccounts(ClientCounts(deploymentID: "shop", factory: CountingFactory()))
        func account(_ number: Int) -> CallerAccount {
            accounts.account(of: PeerIdentity(certificateURI: nil, address: "a:\(number)"))
        }
        let kept = (0..<CallerAccounts.maxAccounts).map { account($0) }
        for one in kept { #expect(one.take(bytes: 1, within: (1, 1))) }
        let shared = account(-1)
        #expect(shared === account(-2))
        kept[0].giveBack(bytes: 1)
        #expect(account(-3) !== shared && account(1) === kept[1])
    }

    // MARK: Subscribers and groups

    @Test func oneClientsSubscriptionsLeaveRoomForAnothers() throws {
        let places = SubscriberPlaces(limit: 128, clientPercent: 25)
        func take(_ uri: String) -> SubscriberPlaces.Outcome {
            places.take(for: PeerIdentity(certificateURI: uri, address: "a"))
        }
        var held: [SubscriberPlace] = []
        for _ in 0..<200 { if case .taken(let place) = take(Self.flood) { held.append(place) } }
        #expect(held.count == 32 && places.taken == 32)
        guard case .taken(let place) = take(Self.other) else {
            Issue.record("another client finds no place")
            return
        }
        place.leave()
        place.leave()
        #expect(places.taken == 32)
        held = []
        #expect(places.taken == 0)
    }

    @Test func oneClientsGroupsLeaveRoomForAnothers() async throws {
        let stepped = SteppedEnvironment(seed: 1)
        let groups = StreamGroups(
            files: GroupFiles(directory: "/groups", files: stepped.files),
            disk: stepped.environment.executors.makeDedicatedExecutor(label: "test"))
        _ = try groups.load()
        let failures = Mutex<[StreamGroupError]>([])
        func commit(_ name: String, _ share: GroupShare) throws {
            let group = try #require(StreamGroup(name: name, topic: .userEvents))
            groups.commit(StreamCursor(), of: group, at: WallTime(milliseconds: 1), share: share) { outcome in
                if case .failure(let error) = outcome { failures.withLock { $0.append(error) } }
            }
        }
        let flood = GroupShare(limit: 64) { $0.name.hasPrefix("flood-") }
        for number in 0..<100 { try commit("flood-\(number)", flood) }
        #expect(failures.withLock { $0 } == Array(repeating: .tooManyOfClient, count: 36))
        #expect(groups.standings.count == 64)
        // One that is there already goes on, and another client's come in.
        try commit("flood-3", flood)
        try commit("search", GroupShare(limit: 64) { $0.name == "search" })
        #expect(failures.withLock { $0.count } == 36 && groups.standings.count == 65)
    }
}
