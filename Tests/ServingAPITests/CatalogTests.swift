// The catalogue's methods, popularity's, and health.

import ClusterModel
import GRPCFraming
import MergeableState
import MeridianProtocol
import Personalization
import Synchronization
import Testing

@testable import ServingAPI

@Suite struct CatalogTests {
    static func item(
        _ id: String, _ change: (inout Meridian_V1_ContentItem) -> Void = { _ in }
    ) -> Meridian_V1_ContentItem {
        var item = Meridian_V1_ContentItem()
        item.contentID = id
        item.title = "Title of \(id)"
        item.language = "en"
        item.category = "news"
        item.countries = ["DE", "IN"]
        item.ageRating = 12
        item.publishedAtMs = 1_000
        item.expiresAtMs = 9_000
        change(&item)
        return item
    }

    /// What was published comes back as it was.
    @Test func itemsGoRound() throws {
        let fixture = try ServingFixture()
        var request = Meridian_V1_PublishRequest()
        request.items = ["b", "a", "c"].map { Self.item($0) }
        let reply = try fixture.reply(.publish, request, Meridian_V1_PublishReply.self)
        #expect(reply.published == 3 && reply.duplicates == 0 && reply.id == Meridian_V1_EventID(ScriptedShards.madeID))
        #expect(reply.region == 1 && reply.serverTimeMs == fixture.now.milliseconds)
        try fold(fixture)
        var get = Meridian_V1_GetContentRequest()
        get.contentID = "a"
        #expect(try fixture.reply(.getContent, get, Meridian_V1_GetContentReply.self).item == Self.item("a"))
        get.contentID = "z"
        let failure = try fixture.failure(.getContent, get)
        #expect(failure.code == .notFound && failure.reason == "UNKNOWN_CONTENT")
        var list = Meridian_V1_ListContentRequest()
        list.limit = 2
        let page = try fixture.reply(.listContent, list, Meridian_V1_ListContentReply.self)
        #expect(page.items.map(\.contentID) == ["a", "b"])
        list.after = "b"
        let rest = try fixture.reply(.listContent, list, Meridian_V1_ListContentReply.self)
        #expect(rest.items.map(\.contentID) == ["c"])
    }

    /// S3, S4: a call's id goes to the log with its writes, and one that is out of time is refused.
    @Test func idsOfCallsReachTheLog() throws {
        let fixture = try ServingFixture()
        var request = Meridian_V1_PublishRequest()
        request.items = [Self.item("a")]
        request.id.time = 8
        request.id.client = 9
        let reply = try fixture.reply(.publish, request, Meridian_V1_PublishReply.self)
        #expect(reply.id == request.id)
        #expect(fixture.shards.state.withLock { $0.publishedIDs } == [EventID(time: 8, client: 9)])
        fixture.shards.state.withLock { $0.publish = { _, _ in .failure(.idRefused(.tooOld)) } }
        #expect(try fixture.failure(.publish, request).reason == "EVENT_ID_TOO_OLD")
    }

    private func fold(_ fixture: ServingFixture) throws {
        var catalogue = Catalogue(limit: 100)
        let events = fixture.shards.state.withLock { $0.published }
        for (index, event) in events.enumerated() {
            catalogue.apply(
                event, by: MergeOrder(id: EventID(time: UInt64(index), client: 1), bodyDigest: 0))
        }
        let snapshot = catalogue.snapshot()
        fixture.shards.state.withLock { $0.catalogue = snapshot }
    }

    @Test func withdrawalsReachTheLog() throws {
        let fixture = try ServingFixture()
        var request = Meridian_V1_WithdrawRequest()
        request.contentIds = ["a", "b"]
        let reply = try fixture.reply(.withdraw, request, Meridian_V1_WithdrawReply.self)
        #expect(reply.withdrawn == 2)
        request.contentIds = ["c", "d", "c"]
        #expect(try fixture.failure(.withdraw, request).metadata["field"] == "content_ids[2]")
        request.contentIds = ["a", "b"]
        #expect(fixture.shards.state.withLock { $0.published.map(\.contentID) } == ["a", "b"])
        request.contentIds = ["a", ""]
        #expect(try fixture.failure(.withdraw, request).metadata["field"] == "content_ids[1]")
        request.contentIds = []
        #expect(try fixture.failure(.withdraw, request).metadata["field"] == "content_ids")
    }

    @Test(
        arguments: [
            BoundViolation("items") { $0.items = [] },
            BoundViolation("items") { $0.items = (0..<513).map { CatalogTests.item("\($0)") } },
            BoundViolation("items[1]") { $0.items[1].contentID = "" },
            BoundViolation("items[1]") { $0.items[1].contentID = String(repeating: "c", count: 129) },
            BoundViolation("items[1]") { $0.items[1].title = String(repeating: "t", count: 513) },
            BoundViolation("items[1]") { $0.items[1].language = "-" },
            BoundViolation("items[1]") { $0.items[1].language = "123" },
            BoundViolation("items[1]") { $0.items[1].language = "en_US" },
            BoundViolation("items[1].content_id") { $0.items[1].contentID = "a" },
            BoundViolation("items[1]") { $0.items[1].category = String(repeating: "k", count: 65) },
            BoundViolation("items[1]") { $0.items[1].countries = ["Germany"] },
            BoundViolation("items[1]") { $0.items[1].countries = [String](repeating: "DE", count: 257) },
            BoundViolation("items[1].age_rating") { $0.items[1].ageRating = 100 },
            BoundViolation("items[1]") { $0.items[1].publishedAtMs = 1 << 48 },
            BoundViolation("items[1]") { $0.items[1].expiresAtMs = 1 << 48 },
        ] as [BoundViolation<Meridian_V1_PublishRequest>])
    func everyBoundIsChecked(_ violation: BoundViolation<Meridian_V1_PublishRequest>) throws {
        let fixture = try ServingFixture()
        var request = Meridian_V1_PublishRequest()
        request.items = [Self.item("a"), Self.item("b")]
        violation.change(&request)
        let failure = try fixture.failure(.publish, request)
        #expect(failure.code == .invalidArgument && failure.metadata["field"] == violation.field)
        #expect(fixture.shards.state.withLock { $0.published.isEmpty })
    }

    @Test func popularityIsServed() throws {
        let fixture = try ServingFixture()
        var popular = Meridian_V1_PopularRequest()
        popular.limit = 5
        #expect(try fixture.reply(.popular, popular, Meridian_V1_PopularReply.self).items.isEmpty)
        popular.limit = 0
        #expect(try fixture.failure(.popular, popular).metadata["field"] == "limit")
        var stats = Meridian_V1_ContentStatsRequest()
        stats.contentIds = ["a", "b"]
        let reply = try fixture.reply(.contentStats, stats, Meridian_V1_ContentStatsReply.self)
        #expect(reply.items.map(\.contentID) == ["a", "b"] && reply.items.allSatisfy { $0.clicks == 0 })
        stats.windowMs = 1_209_600_000
        _ = try fixture.reply(.contentStats, stats, Meridian_V1_ContentStatsReply.self)
        stats.windowMs = 5
        #expect(try fixture.failure(.contentStats, stats).metadata["field"] == "window_ms")
    }

    @Test func windowsChooseAHalfLife() {
        let hour: UInt64 = 3_600_000
        for (window, expected) in [
            (0, .oneDay), (1, .oneHour), (hour, .oneHour), (6 * hour - 1, .oneHour), (6 * hour, .sixHours),
            (30 * hour, .oneDay), (336 * hour, .twoWeeks), (.max, .twoWeeks),
        ] as [(UInt64, PopularityHalfLife)] {
            #expect(InsightService.halfLife(of: window) == expected, "\(window)")
        }
    }

    @Test func healthFollowsTheNodeAndIgnoresLoad() throws {
        let fixture = try ServingFixture(limits: AdmissionLimits(calls: 0, bytes: 0))
        var request = Grpc_Health_V1_HealthCheckRequest()
        func status() throws -> Grpc_Health_V1_HealthCheckResponse.ServingStatus {
            try fixture.reply(.checkHealth, request, Grpc_Health_V1_HealthCheckResponse.self).status
        }
        #expect(try status() == .serving)
        request.service = "meridian.v1.DeliveryService"
        #expect(try status() == .serving)
        for state in [ServingState.starting, .draining, .fenced] {
            fixture.admission.state = state
            #expect(try status() == .notServing)
        }
        request.service = "no.such.Service"
        let failure = try fixture.failure(.checkHealth, request)
        #expect(failure.code == .notFound && failure.reason == "UNKNOWN_SERVICE")
    }
}
