// Report and Send: what passes the door, what does not, and what the client is told event by event (S3, S4, S11).

import ClusterModel
import GRPCFraming
import MergeableState
import MeridianProtocol
import Personalization
import SwiftProtobuf
import Synchronization
import Testing

@testable import ServingAPI

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

@Suite struct ReportTests {
    static func event(
        _ id: UInt64? = nil, _ change: (inout Meridian_V1_Interaction) -> Void = { _ in }
    ) -> Meridian_V1_Interaction {
        var event = Meridian_V1_Interaction()
        if let id {
            event.id.time = id
            event.id.client = 5
        }
        event.kind = .click
        event.contentID = "item:1"
        change(&event)
        return event
    }

    static func request(
        _ events: [Meridian_V1_Interaction], _ change: (inout Meridian_V1_ReportRequest) -> Void = { _ in }
    ) -> Meridian_V1_ReportRequest {
        var request = Meridian_V1_ReportRequest()
        request.userID = ServingFixture.user
        request.events = events
        change(&request)
        return request
    }

    @Test func eventsReachTheShardAsTheyAre() throws {
        let fixture = try ServingFixture()
        let event = Self.event(77) {
            $0.kind = .watch
            $0.watchMs = 1_500
            $0.slot = 65_535
            $0.slateID = Data(Digest128(high: 3, low: 4).bytes)
            $0.surface = .widget
            $0.occurredAtMs = 1_234
        }
        let reply = try fixture.reply(.report, Self.request([event]), Meridian_V1_ReportReply.self)
        let asked = try #require(fixture.shards.state.withLock { $0.reported.first })
        let expected = InteractionEvent(
            user: UserKey(userID: ServingFixture.user), kind: .watch, contentID: "item:1",
            slate: Digest128(high: 3, low: 4), slot: 65_535, surface: .widget, watchMilliseconds: 1_500,
            occurredAt: WallTime(milliseconds: 1_234))
        #expect(asked.events == [SubmittedEvent(id: EventID(time: 77, client: 5), event: .interaction(expected))])
        #expect(asked.durability == .local)
        #expect(reply.results.map(\.outcome) == [.applied])
        #expect(reply.results[0].id.time == 77 && reply.results[0].durability.level == .local)
        #expect(reply.results[0].position.incarnation == 7 && reply.results[0].position.topic == 1)
        #expect(reply.region == 1 && reply.serverTimeMs == fixture.now.milliseconds)
    }

    /// S4: a caller without ids gets the one that was made.
    @Test func eventsWithoutIDsGetOne() throws {
        let fixture = try ServingFixture()
        let reply = try fixture.reply(.report, Self.request([Self.event()]), Meridian_V1_ReportReply.self)
        #expect(fixture.shards.state.withLock { $0.reported[0].events[0].id } == nil)
        #expect(reply.results[0].id.time == 99)
    }

    /// S3: attributes come from a verified token and from nothing else.
    @Test func itemTokensGiveAttributes() throws {
        let fixture = try ServingFixture()
        let token = try ItemToken(contentID: "item:1", category: 9, language: "de").sealed(with: fixture.keyring)
        _ = try fixture.reply(
            .report, Self.request([Self.event { $0.itemToken = Data(token) }, Self.event()]),
            Meridian_V1_ReportReply.self)
        let attributes = fixture.shards.state.withLock { state in
            state.reported[0].events.map { event -> ItemAttributes? in
                guard case .interaction(let interaction) = event.event else { return nil }
                return interaction.attributes
            }
        }
        #expect(attributes == [ItemAttributes(category: 9, language: "de"), nil])
    }

    /// S3: refusals by event stand in their places; the others go on.
    @Test func badTokensRefuseTheirEventOnly() throws {
        let fixture = try ServingFixture()
        let good = try ItemToken(contentID: "item:1", category: 9, language: "de").sealed(with: fixture.keyring)
        let foreign = try ItemToken(contentID: "item:2", category: 9, language: "de").sealed(with: fixture.keyring)
        let unknown = try ItemToken(contentID: "item:1", category: 9, language: "de").sealed(
            with: ServingFixture.keyring([8]))
        var damaged = good
        damaged[30] ^= 1
        let session = try fixture.session()
        let tokens = [foreign, good, unknown, damaged, session]
        let events = tokens.enumerated().map { index, token in
            Self.event(UInt64(index + 1)) { $0.itemToken = Data(token) }
        }
        var unknownField = Self.event(6)
        try unknownField.merge(serializedBytes: [0xa0, 0x06, 0x01] as [UInt8])
        let reply = try fixture.reply(
            .report, Self.request(events + [unknownField, Self.event(7)]), Meridian_V1_ReportReply.self)
        #expect(
            reply.results.map(\.code) == [
                "ITEM_TOKEN_FOREIGN_ITEM", "", "ITEM_TOKEN_KEY_UNKNOWN", "ITEM_TOKEN_INVALID", "ITEM_TOKEN_INVALID",
                "UNKNOWN_FIELD", "",
            ])
        #expect(reply.results.map(\.id.time) == [1, 2, 3, 4, 5, 6, 7])
        #expect(reply.results.map { $0.outcome == .applied } == [false, true, false, false, false, false, true])
        #expect(fixture.shards.state.withLock { $0.reported[0].events.map(\.id?.time) } == [2, 7])
        #expect(fixture.metrics.value("meridian_event_refusals_total code=ITEM_TOKEN_INVALID") == 2)
        #expect(fixture.metrics.value("meridian_events_total outcome=applied") == 2)
    }

    @Test func aCallOfRefusedEventsOnlyAsksNoShard() throws {
        let fixture = try ServingFixture()
        let session = try fixture.session()
        let request = Self.request([Self.event(1) { $0.itemToken = Data([1]) }]) { $0.sessionToken = Data(session) }
        let reply = try fixture.reply(.report, request, Meridian_V1_ReportReply.self)
        #expect(reply.results.map(\.code) == ["ITEM_TOKEN_INVALID"])
        #expect(reply.sessionToken == Data(session))
        #expect(fixture.shards.state.withLock { $0.reported.isEmpty })
    }

    /// S4, S5: what the shard says of each event.
    @Test func shardOutcomesAreTold() throws {
        let fixture = try ServingFixture()
        fixture.shards.state.withLock {
            $0.report = { events, _ in
                let outcomes: [EventResult.Outcome] = [
                    .duplicate, .refused(.tooOld), .refused(.tooNew), .shardFull,
                ]
                return .success(
                    ReportOutcome(
                        results: zip(events, outcomes).map {
                            EventResult(id: $0.id ?? EventID(time: 0, client: 0), outcome: $1)
                        }, session: ScriptedShards.applied, reached: .local))
            }
        }
        let reply = try fixture.reply(
            .report, Self.request((1...4).map { Self.event($0) }), Meridian_V1_ReportReply.self)
        #expect(reply.results.map(\.outcome) == [.duplicate, .refused, .refused, .refused])
        #expect(reply.results.map(\.code) == ["", "EVENT_ID_TOO_OLD", "EVENT_ID_TOO_NEW", "SHARD_FULL"])
        #expect(reply.results.map(\.hasPosition) == [false, false, false, false])
        #expect(fixture.metrics.value("meridian_events_total outcome=duplicate") == 1)
    }

    @Test(
        arguments: [
            BoundViolation("user_id") { $0.userID = "" },
            BoundViolation("events") { $0.events = [] },
            BoundViolation("events") { $0.events = (0..<513).map { _ in ReportTests.event() } },
            BoundViolation("events[1].kind") { $0.events[1].kind = .unspecified },
            BoundViolation("events[1].kind") { $0.events[1].kind = .UNRECOGNIZED(77) },
            BoundViolation("events[1].content_id") { $0.events[1].contentID = "" },
            BoundViolation("events[1].content_id") { $0.events[1].contentID = String(repeating: "c", count: 129) },
            BoundViolation("events[1].slot") { $0.events[1].slot = 65_536 },
            BoundViolation("events[1].slate_id") { $0.events[1].slateID = Data(repeating: 1, count: 15) },
            BoundViolation("events[1].item_token") { $0.events[1].itemToken = Data(repeating: 1, count: 257) },
            BoundViolation("events[1].watch_ms") { $0.events[1].watchMs = 1 },
            BoundViolation("events[1].surface") { $0.events[1].surface = .UNRECOGNIZED(4) },
            BoundViolation("events[1].occurred_at_ms") { $0.events[1].occurredAtMs = 1 << 48 },
            BoundViolation("session_token") { $0.sessionToken = Data(repeating: 1, count: 257) },
            BoundViolation("durability.regions") { $0.durability.level = .remote },
            BoundViolation("durability.regions") {
                $0.durability.level = .remote
                $0.durability.regions = 16
            },
            BoundViolation("durability.regions") { $0.durability.regions = 1 },
            BoundViolation("durability.level") { $0.durability.level = .UNRECOGNIZED(9) },
        ] as [BoundViolation<Meridian_V1_ReportRequest>])
    func everyBoundIsChecked(_ violation: BoundViolation<Meridian_V1_ReportRequest>) throws {
        let fixture = try ServingFixture(otherRegions: 15)
        let failure = try fixture.failure(.report, Self.request([Self.event(1), Self.event(2)], violation.change))
        #expect(failure.code == .invalidArgument && failure.reason == "FIELD_OUT_OF_BOUNDS")
        #expect(failure.metadata["field"] == violation.field)
        #expect(fixture.shards.state.withLock { $0.reported.isEmpty })
    }

    @Test func aRequestAboveAMebibyteIsRefused() throws {
        let fixture = try ServingFixture()
        let failure = try fixture.failure(
            .report, Self.request([Self.event { $0.contentID = String(repeating: "c", count: 1 << 20) }]))
        #expect(failure.code == .invalidArgument && failure.reason == "MESSAGE_TOO_LARGE")
    }

    @Test func unknownFieldsOfTheRequestAreRefused() throws {
        let fixture = try ServingFixture()
        var request = Self.request([Self.event()])
        try request.merge(serializedBytes: [0xa0, 0x06, 0x01] as [UInt8])
        let failure = try fixture.failure(.report, request)
        #expect(failure.code == .invalidArgument && failure.reason == "UNKNOWN_FIELD")
    }

    /// S11: what cannot be reached is refused before anything is appended.
    @Test func moreRegionsThanThereAreAreRefused() throws {
        let request = Self.request([Self.event()]) {
            $0.durability.level = .remote
            $0.durability.regions = 1
        }
        let alone = try ServingFixture()
        let failure = try alone.failure(.report, request)
        #expect(failure.code == .failedPrecondition && failure.reason == "NOT_ENOUGH_REGIONS")
        #expect(failure.metadata["available"] == "0")
        #expect(alone.shards.state.withLock { $0.reported.isEmpty })
        let two = try ServingFixture(otherRegions: 1)
        let reply = try two.reply(.report, request, Meridian_V1_ReportReply.self)
        #expect(reply.results[0].durability.level == .remote && reply.results[0].durability.regions == 1)
        #expect(two.shards.state.withLock { $0.reported[0].durability } == .remote(regions: 1))
    }

    /// S12: the answer's token covers the request's token and the events.
    @Test func sessionTokensAreMerged() throws {
        let fixture = try ServingFixture()
        let session = try fixture.session(
            VersionVector([
                VersionVector.Entry(region: RegionNumber(1), incarnation: Incarnation(7), next: Offset(300)),
                VersionVector.Entry(region: RegionNumber(2), incarnation: Incarnation(4), next: Offset(8)),
            ]))
        let reply = try fixture.reply(
            .report, Self.request([Self.event()]) { $0.sessionToken = Data(session) }, Meridian_V1_ReportReply.self)
        let partition = UserKey(userID: ServingFixture.user).partition(of: fixture.shards.partitions)
        let vector = try fixture.opened(reply.sessionToken, partition)
        #expect(vector.next(in: RegionNumber(1), Incarnation(7)) == Offset(300))
        #expect(vector.next(in: RegionNumber(2), Incarnation(4)) == Offset(8))
    }

    @Test func beaconsAreBufferedUnlessAskedOtherwise() throws {
        let fixture = try ServingFixture()
        var request = Meridian_V1_SendBeaconsRequest()
        request.userID = ServingFixture.user
        var beacon = Meridian_V1_Beacon()
        beacon.kind = .unlock
        beacon.surface = .lockScreen
        request.beacons = [beacon]
        let reply = try fixture.reply(.sendBeacons, request, Meridian_V1_SendBeaconsReply.self)
        #expect(reply.results.map(\.outcome) == [.applied])
        #expect(reply.results[0].durability.level == .buffered && reply.region == 1)
        request.durability.level = .local
        _ = try fixture.reply(.sendBeacons, request, Meridian_V1_SendBeaconsReply.self)
        #expect(fixture.shards.state.withLock { $0.reported.map(\.durability) } == [.buffered, .local])
        request.beacons[0].kind = .unspecified
        #expect(try fixture.failure(.sendBeacons, request).metadata["field"] == "beacons[0].kind")
        request.beacons = []
        #expect(try fixture.failure(.sendBeacons, request).metadata["field"] == "beacons")
    }
}

extension ServingFixture {
    func opened(_ token: Data, _ partition: PartitionID) throws -> VersionVector {
        let token = try SessionToken(
            opening: Array(token), with: keyring, deployment: SessionToken.deploymentHash(of: Self.deployment),
            topic: .userEvents, partition: partition)
        return VersionVector(
            token.entries.map {
                VersionVector.Entry(region: $0.region, incarnation: $0.incarnation, next: $0.next)
            })
    }
}
