// What clients ask: every number of every request, read by the door and answered from a real shard's state.

import ClusterModel
import EventLog
import GRPCFraming
import MergeableState
import MeridianProtocol
import Metrics
import NIOCore
import NodeEnvironment
import Personalization
import ServingAPI
import SimulatedEnvironment
import SwiftProtobuf
import Synchronization

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

/// Requests in protobuf; the first byte is the method's number.
struct RequestTarget: ExtremesTarget {
    let name = "requests"
    let grammar: ExtremesGrammar
    let seeds: [[UInt8]]

    init() {
        grammar = ExtremesGrammar(
            bounds: [256, 128, 512, 100, 99, 15, 1 << 20, 65_535, WallTime.mask, 8], share: 16)
        seeds = RequestSamples.all
    }

    func run(_ bytes: [UInt8]) -> Bool {
        guard let method = bytes.first, let door = RequestDoor() else { return false }
        return door.call(Int(method), Array(bytes.dropFirst()))
    }
}

/// A serving API over shards that fold what is reported and answer from what is folded.
private final class RequestDoor: CallResponder, ShardRouting, ContentRouting {
    private struct State {
        var shard = ExtremesSamples.state()
        var content = ContentState(limit: 16)
        var next: UInt64 = 0
        var isAnswered = false
    }

    let partitions = PartitionCount.standard
    private let state = Mutex(State())
    private let environment = SteppedEnvironment(seed: 1).environment
    private let keyring: TokenKeyring
    private let log = ExtremesSamples.log(2, 9)

    init?() {
        guard let key = try? TokenKey(id: 1, secret: [UInt8](repeating: 7, count: 32)),
            let keyring = try? TokenKeyring([key], signingID: 1)
        else { return nil }
        self.keyring = keyring
    }

    /// Whether it was answered with a message.
    func call(_ method: Int, _ bytes: [UInt8]) -> Bool {
        let admission = AdmissionControl(limits: AdmissionLimits())
        admission.state = .active
        let api = ServingAPI(
            identity: ServingIdentity(deploymentID: "shop", region: RegionNumber(1), otherRegions: 2),
            keys: TokenKeys(keyring), shards: self, content: self, admission: admission, stamps: StampGate(),
            clock: environment.clock, entropy: environment.entropy, metrics: NOOPMetricsHandler.instance)
        guard method < api.methods.count else { return false }
        api.handle(
            UnaryCall(
                method: method, message: ByteBuffer(bytes: bytes), metadata: CallMetadata(), deadline: nil,
                peer: PeerIdentity(certificateURI: nil, address: "extremes"), executor: environment.executors.loops[0],
                responder: self, token: CallToken(stream: 1, generation: 0)))
        return state.withLock(\.isAnswered)
    }

    func succeed(_ token: CallToken, _ message: ByteBuffer, _ trailers: CallMetadata) {
        state.withLock { $0.isAnswered = true }
    }

    func fail(_ token: CallToken, _ status: RPCStatus) {}

    func isLive(_ token: CallToken) -> Bool { state.withLock { !$0.isAnswered } }

    func report(
        _ events: [SubmittedEvent], of user: UserKey, durability: RequestedDurability, deadline: BootInstant?,
        completion: @escaping @Sendable (Result<ReportOutcome, ShardError>) -> Void
    ) {
        let stamp = HybridStamp(at: environment.clock.wallTime())
        let results = state.withLock { state in events.map { fold($0, stamp, &state) } }
        let session = state.withLock { $0.shard.vector }
        completion(.success(ReportOutcome(results: results, session: session, reached: durability)))
    }

    private func fold(_ submitted: SubmittedEvent, _ stamp: HybridStamp, _ state: inout State) -> EventResult {
        let id = submitted.id ?? EventID(at: stamp.wallTime, sequence: 1, client: 1)
        let verdict = TimeBounds.standard.verdict(on: id, at: stamp)
        guard verdict == .admitted else { return EventResult(id: id, outcome: .refused(verdict)) }
        let record = EventRecord(kind: submitted.event.kind, stamp: stamp, id: id, body: submitted.event.body)
        let place = Offset(state.next)
        if (try? state.shard.apply(record, in: log.name.region, log.incarnation, at: place)) != nil { state.next += 1 }
        return EventResult(
            id: id, outcome: .applied(LogPosition(log: log, epoch: Epoch(1), offset: place)))
    }

    func slate(_ query: SlateQuery, completion: @escaping @Sendable (Result<Slate, ShardError>) -> Void) {
        let lines = state.withLock { $0.shard.lines }
        let items = (0..<query.count).map { slot in
            Slate.Item(
                contentID: "item:\(slot)", attributes: ItemAttributes(category: 3, language: "en"),
                slot: UInt16(clamping: slot), propensity: 0.5, reason: .affinity)
        }
        completion(
            .success(
                Slate(
                    id: Digest128(high: 1, low: query.seed), items: items, tier: .personal, modelVersion: .max,
                    applied: lines.vector, originTime: lines.time(of: RegionNumber(1)) ?? WallTime(milliseconds: .max),
                    session: query.session.map { lines.outcome(of: $0) })))
    }

    func publish(
        _ events: [ContentEvent], id: EventID?,
        completion: @escaping @Sendable (Result<PublishOutcome, ShardError>) -> Void
    ) {
        let id = id ?? EventID(at: environment.clock.wallTime(), sequence: 1, client: 1)
        completion(.success(PublishOutcome(id: id, written: events.count, duplicates: 0)))
    }

    func reports() async -> [ShardReport] { [] }

    func catalogue() -> CatalogueSnapshot {
        var catalogue = state.withLock { $0.content.catalogue }
        return catalogue.snapshot()
    }

    func popularity() -> PopularitySnapshot {
        var totals = PopularityTotals()
        totals.replace(ExtremesSamples.partition, with: state.withLock { $0.shard.popularity })
        return totals.snapshot(at: environment.clock.wallTime(), catalogue: catalogue())
    }
}

/// A good request of each kind.
private enum RequestSamples {
    private static let user = "user-1"

    private static var id: Meridian_V1_EventID {
        var id = Meridian_V1_EventID()
        id.time = EventID(at: ExtremesSamples.now, sequence: 1, client: 7).time
        id.client = 7
        return id
    }

    static var all: [[UInt8]] {
        let requests: [(UInt8, any SwiftProtobuf.Message)] = [
            (0, nextContent), (1, report), (4, update), (6, erase), (7, consent), (8, publish), (11, list),
            (12, popular),
            (13, stats),
        ]
        return requests.compactMap { method, request in
            // A request that cannot be encoded is missing in the run's figures.
            (try? request.serializedBytes() as [UInt8]).map { [method] + $0 }
        }
    }

    private static var nextContent: Meridian_V1_NextContentRequest {
        var request = Meridian_V1_NextContentRequest()
        (request.userID, request.count, request.requestID) = (user, 10, 7)
        return request
    }

    private static var report: Meridian_V1_ReportRequest {
        var event = Meridian_V1_Interaction()
        event.id = id
        event.kind = .click
        event.contentID = "item:1"
        event.slot = 3
        event.watchMs = 50
        event.occurredAtMs = ExtremesSamples.now.milliseconds
        var request = Meridian_V1_ReportRequest()
        request.userID = user
        request.events = [event, event]
        request.durability.level = .remote
        request.durability.regions = 2
        return request
    }

    private static var update: Meridian_V1_UpdateProfileRequest {
        var request = Meridian_V1_UpdateProfileRequest()
        (request.userID, request.id) = (user, id)
        request.profile.language = "en"
        request.profile.maxAgeRating = 12
        return request
    }

    private static var erase: Meridian_V1_EraseRequest {
        var request = Meridian_V1_EraseRequest()
        (request.userID, request.id) = (user, id)
        return request
    }

    private static var consent: Meridian_V1_SetConsentRequest {
        var request = Meridian_V1_SetConsentRequest()
        (request.userID, request.id) = (user, id)
        request.granted = true
        request.cancels = [id, id]
        return request
    }

    private static var publish: Meridian_V1_PublishRequest {
        var item = Meridian_V1_ContentItem()
        (item.contentID, item.title, item.language, item.category) = ("item:1", "One", "en", "news")
        item.countries = ["DE", "US"]
        item.ageRating = 6
        item.publishedAtMs = ExtremesSamples.now.milliseconds
        item.expiresAtMs = ExtremesSamples.now.milliseconds + 1_000
        var request = Meridian_V1_PublishRequest()
        request.items = [item]
        return request
    }

    private static var list: Meridian_V1_ListContentRequest {
        var request = Meridian_V1_ListContentRequest()
        (request.after, request.limit) = ("item", 10)
        return request
    }

    private static var popular: Meridian_V1_PopularRequest {
        var request = Meridian_V1_PopularRequest()
        (request.limit, request.windowMs, request.language) = (10, 3_600_000, "en")
        return request
    }

    private static var stats: Meridian_V1_ContentStatsRequest {
        var request = Meridian_V1_ContentStatsRequest()
        request.contentIds = ["item:1"]
        request.windowMs = 3_600_000
        return request
    }
}
