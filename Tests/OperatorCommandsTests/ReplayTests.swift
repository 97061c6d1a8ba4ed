// The replay against a service in memory: pace, tokens of shown items, what is filed.

import ClusterModel
import Datasets
import MeridianClient
import NodeEnvironment
import SimulatedEnvironment
import Synchronization
import Testing

@testable import OperatorCommands

/// Shows the same items to everybody and acknowledges everything, but for calls that the test fails.
private final class ShelfService: ContentService {
    struct Seen: Sendable {
        var reports = 0
        var interactions: [InteractionToReport] = []
        var profiles = 0
        var published: [Int] = []
    }

    private static var away: OperatorFailure {
        OperatorFailure(MeridianClientError(.overloaded, reason: "NO_SPACE", "away"), doing: "reporting")
    }

    let seen = Mutex(Seen())
    let shelf: [String]
    let failsEvery: Int

    init(shelf: [String], failsEvery: Int = .max) {
        self.shelf = shelf
        self.failsEvery = failsEvery
    }

    func publish(_ items: [CatalogueItem]) async throws(OperatorFailure) {
        seen.withLock { $0.published.append(items.count) }
    }

    func setProfile(_ profile: RecordedProfile, of user: String) async throws(OperatorFailure) {
        seen.withLock { $0.profiles += 1 }
    }

    func nextContent(for user: String, count: Int, requestID: UInt64) async throws(OperatorFailure) -> ServedSlate {
        ServedSlate(
            id: [1], items: shelf.enumerated().map { ServedItem(contentID: $1, token: [9], slot: UInt32($0)) },
            tier: "personal", stalenessMilliseconds: 3)
    }

    func report(
        _ interactions: [InteractionToReport], of user: String, durability: Acknowledgement.Promise
    ) async throws(OperatorFailure) -> ReportReceipt {
        let number = seen.withLock { seen in
            seen.reports += 1
            return seen.reports
        }
        guard number % failsEvery != 0 else { throw Self.away }
        let first = seen.withLock { seen in
            seen.interactions += interactions
            return seen.interactions.count
        }
        return ReportReceipt(
            acknowledged: interactions.indices.map {
                Acknowledgement(
                    id: EventID(time: UInt64(first + $0), client: UInt64(number)), promise: durability)
            }, duplicates: 0, refusals: [])
    }
}

@Suite struct ReplayTests {
    private static func replay(
        seed: UInt64, service: ShelfService, seconds: Int = 2, file: AcknowledgementFile? = nil, window: Int = 1,
        remoteShare: Double = 0
    ) async throws -> (measurement: ReplayMeasurement, filed: UInt64) {
        let stepped = SteppedEnvironment(seed: seed)
        var plan = ReplayPlan(
            eventsPerSecond: 100, duration: .seconds(seconds), window: window, slateItems: 3, seed: seed)
        plan.remoteShare = remoteShare
        let run = ReplayRun(
            plan, source: ReplaySource(generated: GeneratedTraffic(seed: seed)), clock: stepped.clock,
            acknowledgements: file)
        await ReplayDriver(run, service: service, clock: stepped.clock).drive()
        let (measurement, filed, _) = try await run.finish()
        return (measurement, filed)
    }

    @Test(arguments: 1...5 as ClosedRange<UInt64>)
    func eventsComeAtTheirRate(seed: UInt64) async throws {
        let service = ShelfService(shelf: ["item-0", "item-1"])
        let (measurement, _) = try await Self.replay(seed: seed, service: service)
        // 100 a second for two seconds; the last visit may begin just before the end and has up to 16 events.
        #expect((184...216).contains(measurement.eventsAcknowledged), "seed \(seed): \(measurement.eventsAcknowledged)")
        #expect(measurement.failedCalls == 0)
        #expect(measurement.personalSlates == measurement.slates)
    }

    @Test func shownItemsCarryTheirTokenAndAreCounted() async throws {
        let service = ShelfService(shelf: ["item-0", "item-1", "item-2"])
        let (measurement, _) = try await Self.replay(seed: 4, service: service)
        let interactions = service.seen.withLock(\.interactions)
        for event in interactions {
            #expect((event.shown != nil) == service.shelf.contains(event.interaction.contentID))
            #expect(event.shown?.token ?? [9] == [9])
        }
        #expect(measurement.interactionsShown == UInt64(interactions.count { $0.shown != nil }))
        #expect(measurement.interactionsShown > 0)
    }

    @Test func aFailedVisitIsCountedAndTheRestGoesOn() async throws {
        let stepped = SteppedEnvironment(seed: 1)
        let file = try AcknowledgementFile(creating: "acks", files: stepped.files)
        let service = ShelfService(shelf: [], failsEvery: 3)
        let (measurement, filed) = try await Self.replay(seed: 5, service: service, file: file)
        #expect(measurement.failedCalls == UInt64(service.seen.withLock(\.reports) / 3))
        #expect(measurement.failedCalls > 0)
        // Calls that failed for good are no success, and are counted by what they failed with.
        #expect(!measurement.isComplete && measurement.failures.text == "NO_SPACE \(measurement.failedCalls)")
        let summary = ReplaySummary(measurement, input: .generated, elapsed: .seconds(2))
        #expect(summary.answer.text.contains("\"failed_by_reason\":{\"NO_SPACE\":\(measurement.failedCalls)}"))
        #expect(summary.text.contains("\(measurement.failedCalls) calls failed: NO_SPACE"))
        #expect(measurement.emptySlates == measurement.slates)
        let ids = try AcknowledgementFile.read("acks", files: stepped.files)
        #expect(ids.count == Int(filed))
        #expect(filed == measurement.eventsAcknowledged)
    }

    @Test(arguments: 1...3 as ClosedRange<UInt64>)
    func s11AShareOfReportsAsksForOtherRegions(seed: UInt64) async throws {
        let stepped = SteppedEnvironment(seed: 1)
        let file = try AcknowledgementFile(creating: "acks", files: stepped.files)
        let service = ShelfService(shelf: [])
        _ = try await Self.replay(seed: seed, service: service, seconds: 20, file: file, remoteShare: 0.25)
        let acknowledged = try AcknowledgementFile.read("acks", files: stepped.files)
        let share = Double(acknowledged.count(where: \.isRemote)) / Double(acknowledged.count)
        #expect((0.15...0.35).contains(share), "seed \(seed): \(share)")
    }

    @Test func theSummaryHasItsKeys() async throws {
        let (measurement, _) = try await Self.replay(seed: 6, service: ShelfService(shelf: []))
        let text = ReplaySummary(measurement, input: .generated, elapsed: .seconds(2)).answer.text
        for key in ["input", "requests", "events_acknowledged", "latency_p50_us", "latency_p99_us", "freshness_p99_ms"]
        {
            #expect(text.contains("\"\(key)\":"), "\(key)")
        }
    }

    @Test func reasonsAreCountedInABoundedTable() {
        var counts = ReasonCounts()
        for number in 0..<100 { counts.add("REASON_\(number)") }
        for _ in 0..<50 { counts.add("REASON_3") }
        counts.add("")
        #expect(counts.sorted.count == ReasonCounts.limit + 1)
        #expect(counts.sorted[0].reason == ReasonCounts.other && counts.sorted[1] == ("REASON_3", 51))
        #expect(counts.sorted.map(\.count).reduce(0, +) == 151)
    }

    @Test func aKillBeginsTheCountOfTheGapAnew() {
        func instant(_ milliseconds: UInt64) -> BootInstant { BootInstant(nanoseconds: milliseconds * 1_000_000) }
        var measurement = ReplayMeasurement(startedAt: instant(0))
        measurement.onSuccess(asked: instant(0), answered: instant(900))
        measurement.onKill()
        #expect(measurement.longestGap == .zero)
        measurement.onSuccess(asked: instant(900), answered: instant(1_300))
        measurement.onSuccess(asked: instant(1_250), answered: instant(1_301))
        #expect(measurement.longestGap == .milliseconds(400))
    }

    @Test func itemsComeOutWhenTheReplayReachesThem() async throws {
        let stepped = SteppedEnvironment(seed: 1)
        let source = ReplaySource(generated: GeneratedTraffic(seed: 8))
        var copy = source
        let beginning = copy.nextStep().occurredAt
        let catalogue = ReplayCatalogue(source, now: stepped.clock.wallTime())
        #expect(catalogue.present.count + catalogue.later.count == source.items.count)
        let first = try #require(catalogue.present.first)
        let recorded = try #require(source.items.first { $0.id == first.id })
        let age = beginning.milliseconds - recorded.publishedAt.milliseconds
        #expect(first.publishedAt.milliseconds + age == stepped.clock.wallTime().milliseconds)

        let later = CatalogueItem(id: "late", title: "", publishedAt: WallTime(milliseconds: 1))
        let run = ReplayRun(
            ReplayPlan(), source: source, clock: stepped.clock, acknowledgements: nil, later: ["late": later])
        #expect(await run.takeUnpublished().isEmpty)
        let seen = RecordedInteraction(action: .click, contentID: "late", occurredAt: WallTime(milliseconds: 2))
        for _ in 0..<2 {
            await run.onReported(ReplayStep(userID: "u", profile: nil, interactions: [seen, seen]))
        }
        let items = await run.takeUnpublished()
        #expect(items.map(\.id) == ["late"])
        #expect(items.first?.publishedAt == stepped.clock.wallTime())
        #expect(await run.takeUnpublished().isEmpty)
    }
}
