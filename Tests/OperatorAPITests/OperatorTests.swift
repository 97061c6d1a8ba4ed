// OperatorService, who may call it, and the admin pages.

import ClusterModel
import EventLog
import GRPCFraming
import MergeableState
import MeridianProtocol
import NIOCore
import NodeEnvironment
import Personalization
import ServingAPI
import SimulatedEnvironment
import SwiftProtobuf
import Synchronization
import Testing

@testable import OperatorAPI

/// A node that remembers what it was told.
private final class FakeNode: NodeControl {
    private let current = Mutex(NodeState.active)

    let facts = NodeFacts(
        deploymentID: "shop", node: "n1", region: RegionNumber(2), regionName: "eu \"west\"", version: "1.2",
        partitions: .standard)
    var state: NodeState {
        get { current.withLock { $0 } }
        set { current.withLock { $0 = newValue } }
    }
    var uptime: Duration { .milliseconds(1_500) }
    var recovery: RecoveryFacts? {
        RecoveryFacts(
            wasClean: false, batches: 3, records: 40, cutBytes: 17, corruptRanges: 0, duration: .milliseconds(20))
    }

    func drain() async { state = .draining }
    func resume() async { state = .active }

    func shardReports() async -> [ShardReport] {
        [5, 1].map { partition in
            ShardReport(
                partition: PartitionID(partition), applyVersion: 1,
                vector: VersionVector([
                    VersionVector.Entry(region: RegionNumber(2), incarnation: Incarnation(8), next: Offset(12))
                ]), digest: Digest128(high: 0, low: UInt64(partition)), users: 10, indexedIDs: 4, unflushedRecords: 1)
        }
    }

    func logSummaries() async -> [LogSummary] {
        [
            LogSummary(
                log: LogIdentity(
                    name: LogName(region: RegionNumber(2), topic: .userEvents, partition: PartitionID(1)),
                    incarnation: Incarnation(8)), base: Offset(0), baseDigest: .zero, flushedEnd: Offset(12),
                endDigest: Digest128(high: 0, low: 15), lastStamp: HybridStamp(at: WallTime(milliseconds: 99)),
                epoch: Epoch(1))
        ]
    }
}

private final class OneAnswer: CallResponder {
    private let answers = AsyncStream.makeStream(of: Result<ByteBuffer, RPCStatus>.self)

    func succeed(_ token: CallToken, _ message: ByteBuffer, _ trailers: CallMetadata) {
        answers.continuation.yield(.success(message))
    }

    func fail(_ token: CallToken, _ status: RPCStatus) { answers.continuation.yield(.failure(status)) }
    func isLive(_ token: CallToken) -> Bool { true }

    func value() async throws -> ByteBuffer {
        for await answer in answers.stream { return try answer.get() }
        throw CancellationError()
    }
}

@Suite struct OperatorTests {
    private let node = FakeNode()
    private let queue = OperatorQueue()
    private let environment = SteppedEnvironment(seed: 1).environment

    private func api(demandsCertificate: Bool = false, queue: OperatorQueue? = nil) -> OperatorAPI {
        let registry = MetricsRegistry()
        return OperatorAPI(
            control: node, demandsCertificate: demandsCertificate, queue: queue ?? self.queue, clock: environment.clock,
            refusals: ServingMetrics(factory: registry), metrics: registry)
    }

    private func call(
        _ api: OperatorAPI, _ method: OperatorAPI.Method, _ message: ByteBuffer = ByteBuffer(),
        certificate: String? = nil, deadline: BootInstant? = nil
    ) throws -> OneAnswer {
        let responder = OneAnswer()
        api.handle(
            UnaryCall(
                method: try #require(OperatorAPI.Method.allCases.firstIndex(of: method)), message: message,
                metadata: CallMetadata(), deadline: deadline,
                peer: PeerIdentity(certificateURI: certificate, address: "test"),
                executor: environment.executors.loops[0], responder: responder,
                token: CallToken(stream: 1, generation: 0)))
        return responder
    }

    /// The reply of a call while the queue is served.
    private func reply<Reply: SwiftProtobuf.Message & Sendable>(
        _ method: OperatorAPI.Method, _ request: some SwiftProtobuf.Message, _ type: Reply.Type
    ) async throws -> Reply {
        let queue = OperatorQueue()
        let answer = try call(api(queue: queue), method, try request.encodedBuffer())
        return try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { await queue.run() }
            defer { group.cancelAll() }
            return try Reply(reading: try await answer.value())
        }
    }

    private func reason(_ answer: OneAnswer) async -> String? {
        do {
            _ = try await answer.value()
            return nil
        } catch let status as RPCStatus {
            let info = try? Google_Rpc_Status(serializedBytes: status.details).details.first.map {
                try Google_Rpc_ErrorInfo(unpackingAny: $0)
            }
            return info?.reason
        } catch {
            return "\(error)"
        }
    }

    @Test func everyRPCIsServed() {
        #expect(
            api().methods
                == ["Status", "Digest", "Drain", "Resume", "Evacuate", "LogStats"].map {
                    "/meridian.v1.OperatorService/\($0)"
                })
    }

    @Test func statusSumsTheShards() async throws {
        let reply = try await reply(.status, Meridian_V1_StatusRequest(), Meridian_V1_StatusReply.self)
        #expect(reply.region == 2 && reply.regionName == "eu \"west\"" && reply.node == "n1")
        #expect(reply.deployment == "shop" && reply.version == "1.2" && reply.partitions == 64)
        #expect(reply.users == 20 && reply.indexedIds == 8 && reply.unflushedRecords == 2)
        #expect(reply.state == .active && reply.uptimeMs == 1_500)
        #expect(reply.serverTimeMs == environment.clock.wallTime().milliseconds)
    }

    /// S10: digests by partition, ascending, all or those asked for.
    @Test func digestsStandByPartition() async throws {
        var request = Meridian_V1_DigestRequest()
        let all = try await reply(.digest, request, Meridian_V1_DigestReply.self)
        #expect(all.partitions.map(\.partition) == [1, 5])
        #expect(all.partitions[1].digest == "00000000000000000000000000000005")
        #expect(all.partitions[0].vector.map(\.next) == [12] && all.partitions[0].applyVersion == 1)
        request.partitions = [5, 7]
        let one = try await reply(.digest, request, Meridian_V1_DigestReply.self)
        #expect(one.partitions.map(\.partition) == [5])
    }

    @Test func partitionsOutOfRangeAreRefused() async throws {
        var request = Meridian_V1_DigestRequest()
        request.partitions = [64]
        let answer = try call(api(), .digest, try request.encodedBuffer())
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await queue.run() }
            #expect(await reason(answer) == "FIELD_OUT_OF_BOUNDS")
            group.cancelAll()
        }
    }

    @Test func drainAndResume() async throws {
        let drained = try await reply(.drain, Meridian_V1_DrainRequest(), Meridian_V1_DrainReply.self)
        #expect(drained.state == .draining && node.state == .draining)
    }

    @Test func resumeTakesCallsAgain() async throws {
        node.state = .draining
        let resumed = try await reply(.resume, Meridian_V1_ResumeRequest(), Meridian_V1_ResumeReply.self)
        #expect(resumed.state == .active)
    }

    @Test func logsAreListed() async throws {
        let reply = try await reply(.logStats, Meridian_V1_LogStatsRequest(), Meridian_V1_LogStatsReply.self)
        #expect(reply.logs.map(\.flushedEnd) == [12] && reply.logs[0].lastStampMs == 99)
        #expect(reply.logs[0].endDigest == "0000000000000000000000000000000f")
    }

    @Test func onlyOperatorsAndNodesMayCall() async throws {
        let api = api(demandsCertificate: true)
        for (uri, isAdmitted) in [
            ("meridian://shop/client/operator", true), ("meridian://shop/client/operator-ann", true),
            ("meridian://shop/eu/n2", true), ("meridian://shop/client/app", false),
            ("meridian://other/client/operator", false), ("meridian://shop/client", false),
            ("meridian://shop/client/", false), ("meridian://shop//n", false),
            ("meridian://shop/client/operator/x", false), (nil, false),
        ] as [(String?, Bool)] {
            let answer = try call(api, .evacuate, certificate: uri)
            #expect(await reason(answer) == (isAdmitted ? "NOT_IMPLEMENTED" : "OPERATOR_REQUIRED"), "\(uri ?? "none")")
        }
        let answer = try call(self.api(), .evacuate)
        #expect(await reason(answer) == "NOT_IMPLEMENTED", "plaintext on loopback needs no certificate")
    }

    @Test func theQueueIsBoundedAndDeadlinesHold() async throws {
        let api = api()
        let waiting = try (0..<OperatorQueue.capacity).map { _ in try call(api, .status) }
        #expect(await reason(try call(api, .status)) == "TOO_MANY_CALLS")
        #expect(await reason(try call(api, .status, deadline: environment.clock.bootTime())) == "DEADLINE_PASSED")
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { await queue.run() }
            for answer in waiting { _ = try await answer.value() }
            group.cancelAll()
        }
    }

    /// Nobody is left waiting by a node that stops.
    @Test func aStoppingNodeRefusesWhatWaits() async throws {
        let api = api()
        let waiting = try call(api, .status)
        let run = queue
        await withTaskGroup(of: Void.self) { group in
            group.cancelAll()
            group.addTask { await run.run() }
        }
        #expect(await reason(waiting) == "NODE_DRAINING")
        #expect(await reason(try call(api, .status)) == "NODE_DRAINING")
    }

    @Test func malformedRequestsAreRefused() async throws {
        let answer = try call(api(), .digest, ByteBuffer(bytes: [0xff, 0xff]))
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await queue.run() }
            #expect(await reason(answer) == "MALFORMED_MESSAGE")
            group.cancelAll()
        }
    }

    private func page(_ path: String) -> Page? {
        let pages = AdminPages(control: node, metrics: MetricsRegistry())
        let got = Mutex<Page?>(nil)
        pages.page(at: path) { page in got.withLock { $0 = page } }
        return got.withLock { $0 }
    }

    @Test func probesFollowTheState() {
        for state in NodeState.allCases {
            node.state = state
            #expect(page("/healthz")?.status == 200)
            #expect(page("/readyz")?.status == (state == .active ? 200 : 503))
            #expect(page("/readyz")?.body == "\(state.rawValue)\n")
        }
        #expect(page("/nothing") == .notFound)
    }

    @Test func statuszIsJSON() {
        #expect(
            page("/statusz")?.body
                == #"{"deployment":"shop","region":"eu \"west\"","region_number":2,"node":"n1","version":"1.2","#
                + #""state":"active","uptime_ms":1500,"partitions":64,"recovery":{"clean_stop":false,"batches":3,"#
                + #""records":40,"cut_bytes":17,"corrupt_ranges":0,"duration_ms":20}}"# + "\n")
        #expect(page("/statusz")?.contentType == "application/json")
        #expect(page("/metrics")?.contentType == "text/plain; version=0.0.4; charset=utf-8")
    }

    @Test func textsAreEscaped() {
        #expect(StatusDocument.quoted("a\"b\\c\u{1}\n") == "\"a\\\"b\\\\c\\u0001\\u000a\"")
    }
}
