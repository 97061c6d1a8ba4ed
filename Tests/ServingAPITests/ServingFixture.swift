// A serving API over scripted shards, and calls whose answers are kept.

import ClusterModel
import EventLog
import GRPCFraming
import MergeableState
import MeridianProtocol
import Metrics
import NIOCore
import NodeEnvironment
import Personalization
import SimulatedEnvironment
import SwiftProtobuf
import Synchronization
import Testing

@testable import ServingAPI

/// Answers shard calls by a script; keeps what it was asked.
final class ScriptedShards: ShardRouting, ContentRouting {
    struct State {
        var report: @Sendable ([SubmittedEvent], UserKey) -> Result<ReportOutcome, ShardError> = {
            .success(ScriptedShards.applied($0, of: $1))
        }
        /// What successful reports have reached; nil for what was asked for.
        var reached: RequestedDurability?
        var slate: @Sendable (SlateQuery) -> Result<Slate, ShardError> = { .success(ScriptedShards.slate($0)) }
        var publish: @Sendable ([ContentEvent], EventID?) -> Result<PublishOutcome, ShardError> = { events, id in
            .success(PublishOutcome(id: id ?? ScriptedShards.madeID, written: events.count, duplicates: 0))
        }
        var publishedIDs: [EventID?] = []
        var reported:
            [(events: [SubmittedEvent], user: UserKey, durability: RequestedDurability, deadline: BootInstant?)] = []
        var queries: [SlateQuery] = []
        var published: [ContentEvent] = []
        /// Completions are held back while true.
        var holds = false
        var held: [@Sendable () -> Void] = []
        var catalogue = CatalogueSnapshot()
    }

    let state = Mutex(State())
    let partitions = PartitionCount.standard

    static let log = LogIdentity(
        name: LogName(region: RegionNumber(1), topic: .userEvents, partition: PartitionID(0)),
        incarnation: Incarnation(7))
    static let applied = VersionVector([
        VersionVector.Entry(region: RegionNumber(1), incarnation: Incarnation(7), next: Offset(100))
    ])

    static func applied(_ events: [SubmittedEvent], of user: UserKey) -> ReportOutcome {
        let results = events.enumerated().map { index, event in
            EventResult(
                id: event.id ?? EventID(time: 99, client: UInt64(index)),
                outcome: .applied(LogPosition(log: log, epoch: Epoch(1), offset: Offset(UInt64(index)))))
        }
        return ReportOutcome(results: results, session: applied, reached: .local)
    }

    static func slate(_ query: SlateQuery) -> Slate {
        let items = (0..<query.count).map { index in
            Slate.Item(
                contentID: "item:\(index)", attributes: ItemAttributes(category: 3, language: "en"),
                slot: UInt16(index), propensity: 0.5, reason: .affinity)
        }
        return Slate(
            id: Digest128(high: 1, low: query.seed), items: items, tier: .personal, modelVersion: 4,
            applied: applied, originTime: query.now.advanced(by: .milliseconds(-40)),
            session: query.session == nil ? nil : SessionOutcome())
    }

    func report(
        _ events: [SubmittedEvent], of user: UserKey, durability: RequestedDurability, deadline: BootInstant?,
        completion: @escaping @Sendable (Result<ReportOutcome, ShardError>) -> Void
    ) {
        let (script, reached) = state.withLock { state in
            state.reported.append((events, user, durability, deadline))
            return (state.report, state.reached)
        }
        complete {
            completion(
                script(events, user).map { outcome in
                    var outcome = outcome
                    outcome.reached = reached ?? durability
                    return outcome
                })
        }
    }

    func slate(_ query: SlateQuery, completion: @escaping @Sendable (Result<Slate, ShardError>) -> Void) {
        let script = state.withLock { state in
            state.queries.append(query)
            return state.slate
        }
        complete { completion(script(query)) }
    }

    static let madeID = EventID(time: 77, client: 7)

    func publish(
        _ events: [ContentEvent], id: EventID?,
        completion: @escaping @Sendable (Result<PublishOutcome, ShardError>) -> Void
    ) {
        let script = state.withLock { state in
            state.published += events
            state.publishedIDs.append(id)
            return state.publish
        }
        complete { completion(script(events, id)) }
    }

    func reports() async -> [ShardReport] { [] }
    func catalogue() -> CatalogueSnapshot { state.withLock { $0.catalogue } }
    func popularity() -> PopularitySnapshot { PopularitySnapshot() }

    func releaseHeld() {
        let held = state.withLock { state in
            defer { state.held = [] }; return state.held
        }
        for completion in held { completion() }
    }

    private func complete(_ completion: @escaping @Sendable () -> Void) {
        let isHeld = state.withLock { state in
            if state.holds { state.held.append(completion) }
            return state.holds
        }
        if !isHeld { completion() }
    }
}

/// How a call ended.
enum CallEnd {
    case reply(ByteBuffer)
    case status(RPCStatus)
}

final class RecordingResponder: CallResponder {
    private let ends = Mutex<[CallToken: [CallEnd]]>([:])

    func succeed(_ token: CallToken, _ message: ByteBuffer, _ trailers: CallMetadata) {
        ends.withLock { $0[token, default: []].append(.reply(message)) }
    }

    func fail(_ token: CallToken, _ status: RPCStatus) {
        ends.withLock { $0[token, default: []].append(.status(status)) }
    }

    func isLive(_ token: CallToken) -> Bool { ends.withLock { $0[token] == nil } }

    func ends(of token: CallToken) -> [CallEnd] { ends.withLock { $0[token] ?? [] } }
}

/// Keeps counters by label and dimensions.
final class CountingFactory: MetricsFactory {
    final class Count: CounterHandler, RecorderHandler, TimerHandler {
        let value = Atomic<Int64>(0)
        func increment(by amount: Int64) { value.wrappingAdd(amount, ordering: .relaxed) }
        func reset() { value.store(0, ordering: .relaxed) }
        func record(_ value: Int64) { increment(by: 1) }
        func record(_ value: Double) { increment(by: 1) }
        func recordNanoseconds(_ duration: Int64) { increment(by: 1) }
    }

    private let counts = Mutex<[String: Count]>([:])

    private func count(_ label: String, _ dimensions: [(String, String)]) -> Count {
        let key = ([label] + dimensions.map { "\($0.0)=\($0.1)" }).joined(separator: " ")
        return counts.withLock { counts in
            let count = counts[key] ?? Count()
            counts[key] = count
            return count
        }
    }

    func value(_ key: String) -> Int64 { counts.withLock { $0[key]?.value.load(ordering: .relaxed) ?? 0 } }
    var keys: [String] { counts.withLock { $0.keys.sorted() } }

    func makeCounter(label: String, dimensions: [(String, String)]) -> any CounterHandler { count(label, dimensions) }
    func makeRecorder(label: String, dimensions: [(String, String)], aggregate: Bool) -> any RecorderHandler {
        count(label, dimensions)
    }
    func makeTimer(label: String, dimensions: [(String, String)]) -> any TimerHandler { count(label, dimensions) }
    func destroyCounter(_ handler: any CounterHandler) {}
    func destroyRecorder(_ handler: any RecorderHandler) {}
    func destroyTimer(_ handler: any TimerHandler) {}
}

/// One API and what it stands on.
final class ServingFixture: Sendable {
    let stepped: SteppedEnvironment
    let environment: NodeEnvironment
    let shards = ScriptedShards()
    let metrics = CountingFactory()
    let admission: AdmissionControl
    let api: ServingAPI
    let keyring: TokenKeyring
    let stamps = StampGate()
    private let responder = RecordingResponder()
    private let calls = Atomic<Int32>(0)

    static let deployment = "shop"
    static let user = "user-1"

    init(
        limits: AdmissionLimits = AdmissionLimits(), otherRegions: Int = 0, seed: UInt64 = 1, effects: EffectDoor? = nil
    ) throws {
        stepped = SteppedEnvironment(seed: seed)
        environment = stepped.environment
        admission = AdmissionControl(limits: limits)
        admission.state = .active
        keyring = try Self.keyring([1])
        api = ServingAPI(
            identity: ServingIdentity(
                deploymentID: Self.deployment, region: RegionNumber(1), otherRegions: otherRegions),
            keys: TokenKeys(keyring), shards: shards, content: shards, admission: admission, stamps: stamps,
            clock: environment.clock, entropy: environment.entropy, metrics: metrics,
            effects: effects)
    }

    static func keyring(_ ids: [UInt32]) throws -> TokenKeyring {
        try TokenKeyring(
            ids.map { try TokenKey(id: $0, secret: [UInt8](repeating: UInt8($0), count: 32)) }, signingID: ids[0])
    }

    var now: WallTime { environment.clock.wallTime() }

    /// Starts a call with raw bytes; its ends so far are read by the token.
    @discardableResult
    func start(
        _ method: ServingMethod, bytes: ByteBuffer, deadline: BootInstant? = nil, certificate: String? = nil,
        metadata: CallMetadata = CallMetadata(), arrivedAt: BootInstant? = nil
    ) throws -> CallToken {
        let token = CallToken(stream: calls.add(1, ordering: .relaxed).newValue, generation: 0)
        api.handle(
            UnaryCall(
                method: method.rawValue, message: bytes, metadata: metadata, deadline: deadline,
                peer: PeerIdentity(certificateURI: certificate, address: "test"),
                executor: environment.executors.loops[0], responder: responder, token: token,
                arrivedAt: arrivedAt))
        return token
    }

    @discardableResult
    func start(_ method: ServingMethod, _ request: some SwiftProtobuf.Message) throws -> CallToken {
        try start(method, bytes: request.encodedBuffer())
    }

    func ends(of token: CallToken) -> [CallEnd] { responder.ends(of: token) }

    /// The one end of a call that is answered before it returns.
    func end(_ method: ServingMethod, _ request: some SwiftProtobuf.Message) throws -> CallEnd {
        let ends = ends(of: try start(method, request))
        #expect(ends.count == 1, "answered \(ends.count) times")
        return try #require(ends.first)
    }

    func reply<Reply: SwiftProtobuf.Message>(
        _ method: ServingMethod, _ request: some SwiftProtobuf.Message, _ type: Reply.Type = Reply.self
    ) throws -> Reply {
        switch try end(method, request) {
        case .reply(let bytes): return try Reply(reading: bytes)
        case .status(let status): throw status
        }
    }

    func failure(_ method: ServingMethod, _ request: some SwiftProtobuf.Message) throws -> Failure {
        try Failure(try end(method, request))
    }

    /// A session token for the user's own partition, or the one given.
    func session(
        _ vector: VersionVector = ScriptedShards.applied, deployment: String = ServingFixture.deployment,
        partition: PartitionID? = nil, keyring: TokenKeyring? = nil
    ) throws -> [UInt8] {
        try SessionToken(
            deployment: SessionToken.deploymentHash(of: deployment), topic: .userEvents,
            partition: partition ?? UserKey(userID: Self.user).partition(of: shards.partitions),
            entries: vector.entries.map {
                SessionToken.Entry(region: $0.region, incarnation: $0.incarnation, next: $0.next)
            }
        ).sealed(with: keyring ?? self.keyring)
    }
}

/// A refused call as a client reads it.
struct Failure {
    let code: RPCStatusCode
    let message: String
    let reason: String
    let metadata: [String: String]
    let retryAfter: Duration?

    init(_ end: CallEnd) throws {
        guard case .status(let status) = end else { throw NotRefused() }
        code = status.code
        message = status.message
        let details = try Google_Rpc_Status(serializedBytes: status.details)
        #expect(details.code == Int32(status.code.rawValue))
        #expect(details.message == status.message)
        let info = try Google_Rpc_ErrorInfo(unpackingAny: try #require(details.details.first))
        #expect(info.domain == "meridian.v1")
        reason = info.reason
        metadata = info.metadata
        retryAfter = try details.details.dropFirst().first.map {
            let delay = try Google_Rpc_RetryInfo(unpackingAny: $0).retryDelay
            return .seconds(delay.seconds) + .nanoseconds(delay.nanos)
        }
    }

    struct NotRefused: Error {}
}

/// A change that puts one field of a good request out of its bounds.
struct BoundViolation<Request>: Sendable, CustomTestStringConvertible {
    let field: String
    let change: @Sendable (inout Request) -> Void

    init(_ field: String, _ change: @escaping @Sendable (inout Request) -> Void) {
        self.field = field
        self.change = change
    }

    var testDescription: String { field }
}
