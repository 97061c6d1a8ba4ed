// B16 over a whole node: one client opens everything as often as it can, and another is served.

import ClusterModel
import GRPCFraming
import MeridianProtocol
import NIOCore
import NodeEnvironment
import SimulatedEnvironment
import Testing

@Suite struct FairSharesTests {
    private static let watch = "/grpc.health.v1.Health/Watch"
    private static let subscribe = "/meridian.v1.StreamService/Subscribe"

    private static func open(
        _ stage: AccessStage, _ path: String, _ message: ByteBuffer, as name: String
    ) async throws -> ClientStream {
        let stream = try stage.channel(AccessStage.client(name)).stream(path: path, deadline: stage.deadline)
        _ = try await stream.send(message)
        return stream
    }

    private static func request(_ group: String) throws -> ByteBuffer {
        var request = Meridian_V1_SubscribeRequest()
        request.group = group
        request.topic = "interactions"
        return try request.encodedBuffer()
    }

    /// Whether the stream lives: a message came, or nothing within a second of simulated time.
    private static func isRefused(_ stream: ClientStream) async -> Bool {
        do throws(RPCStatus) {
            _ = try await stream.next()
            return false
        } catch {
            return error.code == .resourceExhausted
        }
    }

    /// 1,200 watches of one client: it gets its part of them, and another's watch and Subscribe go through.
    @Test func oneClientsWatchesLeaveAnothersSubscribe() throws {
        let stage = AccessStage(seed: 11)
        try stage.start()
        try stage.simulation.drive {
            try await stage.untilServing()
            var held: [ClientStream] = []
            var refused = 0
            for _ in 0..<1_200 {
                let stream = try await Self.open(stage, Self.watch, ByteBuffer(), as: "app-flood")
                if await Self.isRefused(stream) { refused += 1 } else { held.append(stream) }
            }
            #expect(held.count == 256 && refused == 944)
            let other = try await Self.open(stage, Self.watch, ByteBuffer(), as: "app-other")
            #expect(try await other.next() != nil)
            // A reply comes with the first heartbeat.
            let consumer = try await Self.open(stage, Self.subscribe, try Self.request("search-a"), as: "consumer-b")
            #expect(try await consumer.next() != nil)
            for stream in held + [other, consumer] { stream.cancel() }
        }
    }

    /// 128 places for subscribers, a quarter of them one client's.
    @Test func oneClientsSubscriptionsLeaveAnothers() throws {
        let stage = AccessStage(seed: 12)
        try stage.start()
        try stage.simulation.drive {
            try await stage.untilServing()
            var streams: [ClientStream] = []
            for _ in 0..<33 {
                streams.append(
                    try await Self.open(stage, Self.subscribe, try Self.request("search-a"), as: "consumer-flood"))
            }
            // They come over connections of their own: which of them is the last is not known.
            var refused = 0
            for stream in streams where await Self.isRefused(stream) { refused += 1 }
            #expect(refused == 1)
            let other = try await Self.open(stage, Self.subscribe, try Self.request("search-b"), as: "consumer-b")
            #expect(try await other.next() != nil)
            for stream in streams + [other] { stream.cancel() }
        }
    }

    /// A6: a consumer is its groups on its topics, whatever it asks for.
    @Test func aConsumerReadsCommitsAndForgetsItsGroupsOnly() throws {
        let stage = AccessStage(seed: 13)
        try stage.start()
        try stage.simulation.drive {
            try await stage.untilServing()
            let mine = try await Self.open(stage, Self.subscribe, try Self.request("search-a"), as: "consumer-a")
            let reply = try Meridian_V1_SubscribeReply(reading: try #require(try await mine.next()))
            mine.cancel()
            func commit(_ group: String, _ topic: String) async throws -> RPCStatus {
                var request = Meridian_V1_CommitRequest()
                (request.group, request.topic, request.cursor) = (group, topic, reply.cursor)
                return try await unary("Commit", try request.encodedBuffer(), "consumer-a")
            }
            func forget(_ group: String, as name: String) async throws -> RPCStatus {
                var request = Meridian_V1_ForgetGroupRequest()
                (request.group, request.topic) = (group, "interactions")
                return try await unary("Forget", try request.encodedBuffer(), name)
            }
            func unary(_ method: String, _ message: ByteBuffer, _ name: String) async throws -> RPCStatus {
                let channel = try stage.channel(AccessStage.client(name))
                do throws(RPCStatus) {
                    _ = try await channel.unary(
                        path: "/meridian.v1.StreamService/\(method)", message: message, metadata: CallMetadata(),
                        deadline: stage.deadline)
                } catch {
                    return error
                }
                return RPCStatus(.ok, "")
            }
            #expect(try await commit("search-a", "interactions").code == .ok)
            for (group, topic) in [("billing", "interactions"), ("search-a", "erasures"), ("search-a", "")] {
                let status = try await commit(group, topic)
                #expect(status.code == .permissionDenied, "\(group) \(topic): \(status)")
                #expect(status.message.contains("/meridian.v1.StreamService/Commit needs consumer of the group"))
            }
            let foreign = try await Self.open(stage, Self.subscribe, try Self.request("billing"), as: "consumer-a")
            let refusal = await #expect(throws: RPCStatus.self) { try await foreign.next() }
            #expect(refusal?.code == .permissionDenied)
            #expect(try await forget("billing", as: "consumer-a").code == .permissionDenied)
            #expect(try await forget("billing", as: "operator-ann").code == .notFound)
            #expect(try await forget("search-a", as: "consumer-a").code == .ok)
        }
    }
}
