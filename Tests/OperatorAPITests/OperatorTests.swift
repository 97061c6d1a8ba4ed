// OperatorService, and who may call it.

import ClusterModel
import MeridianProtocol
import NIOCore
import NodeEnvironment
import Personalization
import Synchronization
import Testing

@testable import OperatorAPI

@Suite struct OperatorTests {
    private let harness = OperatorHarness()
    private var node: FakeNode { harness.node }

    @Test func everyRPCIsServed() {
        #expect(
            harness.api().methods
                == ["Status", "Digest", "Drain", "Resume", "Evacuate", "LogStats"].map {
                    "/meridian.v1.OperatorService/\($0)"
                })
    }

    @Test func statusSumsTheShards() async throws {
        let reply = try await harness.reply(.status, Meridian_V1_StatusRequest(), Meridian_V1_StatusReply.self)
        #expect(reply.region == 2 && reply.regionName == "eu \"west\"" && reply.node == "n1")
        #expect(reply.deployment == "shop" && reply.version == "1.2" && reply.partitions == 64)
        #expect(reply.users == 20 && reply.markerRows == 6 && reply.indexedIds == 8 && reply.unflushedRecords == 2)
        #expect(reply.state == .active && reply.uptimeMs == 1_500)
        #expect(reply.serverTimeMs == harness.environment.clock.wallTime().milliseconds)
    }

    /// H1, H2: how full the catalogue is stands beside the users.
    @Test func statusSaysHowFullTheCatalogueIs() async throws {
        node.script.withLock {
            $0.occupancy.catalogue = CatalogueOccupancy(items: 50, expired: 7, tombstones: 3, limit: 100)
        }
        let reply = try await harness.reply(.status, Meridian_V1_StatusRequest(), Meridian_V1_StatusReply.self)
        #expect((reply.catalogueItems, reply.catalogueTombstones, reply.catalogueLimit) == (50, 3, 100))
        #expect(reply.alarms.map(\.name) == ["catalogue_filling"])
        #expect(reply.alarms[0].detail.contains("7 of them are expired"))
    }

    /// S10: digests by partition, ascending, all or those asked for.
    @Test func digestsStandByPartition() async throws {
        var request = Meridian_V1_DigestRequest()
        let all = try await harness.reply(.digest, request, Meridian_V1_DigestReply.self)
        #expect(all.partitions.map(\.partition) == [1, 5])
        #expect(all.partitions[1].digest == "00000000000000000000000000000005")
        #expect(all.partitions[0].vector.map(\.next) == [12] && all.partitions[0].applyVersion == 1)
        request.partitions = [5, 7]
        let one = try await harness.reply(.digest, request, Meridian_V1_DigestReply.self)
        #expect(one.partitions.map(\.partition) == [5])
    }

    @Test func partitionsOutOfRangeAreRefused() async throws {
        var request = Meridian_V1_DigestRequest()
        request.partitions = [64]
        let answer = try harness.call(harness.api(), .digest, try request.encodedBuffer())
        await withTaskGroup(of: Void.self) { group in
            group.addTask { [queue = harness.queue] in await queue.run() }
            #expect(await harness.reason(answer) == "FIELD_OUT_OF_BOUNDS")
            group.cancelAll()
        }
    }

    @Test func drainAndResume() async throws {
        let drained = try await harness.reply(.drain, Meridian_V1_DrainRequest(), Meridian_V1_DrainReply.self)
        #expect(drained.state == .draining && node.state == .draining)
    }

    @Test func resumeTakesCallsAgain() async throws {
        node.state = .draining
        let resumed = try await harness.reply(.resume, Meridian_V1_ResumeRequest(), Meridian_V1_ResumeReply.self)
        #expect(resumed.state == .active)
    }

    @Test func logsAreListed() async throws {
        let reply = try await harness.reply(.logStats, Meridian_V1_LogStatsRequest(), Meridian_V1_LogStatsReply.self)
        #expect(reply.logs.map(\.flushedEnd) == [12] && reply.logs[0].lastStampMs == 99)
        #expect(reply.logs[0].endDigest == "0000000000000000000000000000000f")
    }

    @Test func theQueueIsBoundedAndDeadlinesHold() async throws {
        let api = harness.api()
        let waiting = try (0..<OperatorQueue.capacity).map { number in
            try harness.call(api, .status, certificate: "meridian://shop/client/operator-\(number)")
        }
        #expect(await harness.reason(try harness.call(api, .status)) == "TOO_MANY_CALLS")
        let late = try harness.call(api, .status, deadline: harness.environment.clock.bootTime())
        #expect(await harness.reason(late) == "DEADLINE_PASSED")
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { [queue = harness.queue] in await queue.run() }
            for answer in waiting { _ = try await answer.value() }
            group.cancelAll()
        }
    }

    /// B16: one who asks as often as it can fills its own part of the queue, and others are served.
    @Test func oneOperatorsFloodLeavesRoomForOthers() async throws {
        let api = harness.api()
        let script = "meridian://shop/client/operator-script"
        var waiting = try (0..<OperatorQueue.callerCapacity).map { _ in
            try harness.call(api, .status, certificate: script)
        }
        for _ in 0..<100 {
            #expect(await harness.reason(try harness.call(api, .status, certificate: script)) == "CLIENT_SHARE_SPENT")
        }
        waiting.append(try harness.call(api, .status, certificate: "meridian://shop/client/operator-ann"))
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { [queue = harness.queue] in await queue.run() }
            for answer in waiting { _ = try await answer.value() }
            // What was served is given back.
            _ = try await harness.call(api, .status, certificate: script).value()
            group.cancelAll()
        }
    }

    /// Nobody is left waiting by a node that stops.
    @Test func aStoppingNodeRefusesWhatWaits() async throws {
        let api = harness.api()
        let waiting = try harness.call(api, .status)
        let run = harness.queue
        await withTaskGroup(of: Void.self) { group in
            group.cancelAll()
            group.addTask { await run.run() }
        }
        #expect(await harness.reason(waiting) == "NODE_DRAINING")
        #expect(await harness.reason(try harness.call(api, .status)) == "NODE_DRAINING")
    }

    @Test func malformedRequestsAreRefused() async throws {
        let answer = try harness.call(harness.api(), .digest, ByteBuffer(bytes: [0xff, 0xff]))
        await withTaskGroup(of: Void.self) { group in
            group.addTask { [queue = harness.queue] in await queue.run() }
            #expect(await harness.reason(answer) == "MALFORMED_MESSAGE")
            group.cancelAll()
        }
    }
}
