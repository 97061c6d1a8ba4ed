// What subscribers are told on the wire: effects, and why there are none (S8, S13).

import ClusterModel
import EventLog
import EventLogConformance
import GRPCFraming
import MergeableState
import MeridianProtocol
import NIOCore
import NodeEnvironment
import Personalization
import SimulatedEnvironment
import SwiftProtobuf
import Testing

@testable import ServingAPI

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

/// A service over a log that is read from the disk only: its shards tell nothing live.
private struct StreamStage {
    static let place = Endpoint(host: "127.0.0.1", port: 9_100)
    static let log = LogIdentity(
        name: LogName(region: RegionNumber(1), topic: .userEvents, partition: PartitionID(0)),
        incarnation: Incarnation(7))

    let simulation: Simulation
    let engine = MemoryEngine()
    let groups: StreamGroups
    let fixture: ServingFixture
    let tasks = StreamTasks(limit: 16)

    private struct Quiet: EffectRouting {
        let partitions: PartitionCount
        let feeds: [EffectFeed]

        func attach(_ reader: EffectReader, to partition: PartitionID) async -> EffectAttachment {
            EffectAttachment(feed: feeds[Int(partition.rawValue)], known: KnownEnds())
        }
    }

    init(_ simulation: Simulation, maxSubscribers: Int = 8) throws {
        self.simulation = simulation
        let environment = simulation.machine("server").environment
        let partitions = try #require(PartitionCount(2))
        let source = EffectSource(
            shards: Quiet(partitions: partitions, feeds: (0..<2).map { _ in EffectFeed() }), log: engine,
            settings: EffectSettings(members: [RegionNumber(1)], bounds: .standard),
            disk: environment.executors.makeDedicatedExecutor(label: "readers"),
            alarms: environment.executors.loops[0], clock: environment.clock)
        groups = StreamGroups(
            files: GroupFiles(directory: "groups", files: environment.files),
            disk: environment.executors.makeDedicatedExecutor(label: "writers"))
        fixture = try ServingFixture(
            effects: EffectDoor(source: source, groups: groups, tasks: tasks, maxSubscribers: maxSubscribers))
    }

    /// Listens, and runs handlers until the machine ends.
    func serve() async throws {
        let server = simulation.machine("server")
        _ = try await server.environment.links.listen(on: Self.place, security: .plaintext, handler: fixture.api)
        server.start { _ in await tasks.run() }
    }

    /// Batches of `count` clicks each, after an opening.
    func fill(batches: Int, of count: Int = 4) throws {
        var writer = OriginLogWriter(log: Self.log, epoch: Epoch(1))
        let opening = OpeningRecord(predecessor: nil, applyVersion: StateLimits.applyVersion)
        var time: UInt64 = 1_700_000_000_000
        func append(_ kind: RecordKind, _ body: [UInt8]) throws {
            time += 1
            let wall = WallTime(milliseconds: time)
            _ = try writer.append(
                EventRecord(
                    kind: kind, stamp: HybridStamp(at: wall), id: EventID(at: wall, sequence: 0, client: 5),
                    body: body))
        }
        try append(.opening, opening.body)
        for number in 0..<batches {
            for item in 0..<count {
                let event = UserEvent.interaction(
                    InteractionEvent(
                        user: UserKey(userID: "u"), kind: .click, contentID: "i\(number)-\(item)",
                        occurredAt: WallTime(milliseconds: time)))
                try append(event.kind, event.body)
            }
            if let batch = try writer.seal() { try engine.submit(batch) }
        }
    }

    func open(_ request: Meridian_V1_SubscribeRequest) async throws -> ClientStream {
        let stream = try simulation.machine("client").environment.links.channel(to: Self.place, security: .plaintext)
            .stream(path: StreamService.subscribePath, metadata: CallMetadata(), deadline: nil)
        _ = try await stream.send(try request.encodedBuffer())
        stream.finishSending()
        return stream
    }

    static func request(_ group: String = "g", earliest: Bool = true) -> Meridian_V1_SubscribeRequest {
        var request = Meridian_V1_SubscribeRequest()
        request.group = group
        request.start = earliest ? .earliest : .latest
        request.partitions = [0]
        return request
    }

    static func next(_ stream: ClientStream) async throws -> Meridian_V1_SubscribeReply {
        let message = try #require(try await stream.next())
        return try Meridian_V1_SubscribeReply(reading: message)
    }

    static func failure(_ stream: ClientStream) async throws -> Failure {
        do throws(RPCStatus) {
            while try await stream.next() != nil {}
        } catch {
            return try Failure(.status(error))
        }
        throw Failure.NotRefused()
    }
}

@Suite struct StreamServiceTests {
    private typealias Reply = Meridian_V1_SubscribeReply

    @Test func effectsCarryWhatNamesThem() throws {
        let simulation = Simulation(seed: 1)
        let stage = try StreamStage(simulation)
        try stage.fill(batches: 3)
        try simulation.drive {
            try await stage.serve()
            let stream = try await stage.open(StreamStage.request())
            var effects: [Reply.Effect] = []
            while effects.count < 12 { effects += try await StreamStage.next(stream).effects }
            #expect(effects.map(\.interaction.contentID).first == "i0-0")
            #expect(Set(effects.map(\.bodyDigest)).count == 12 && Set(effects.map(\.id.time)).count == 12)
            #expect(effects.allSatisfy { $0.position.incarnation == 7 && $0.userKey.count == 16 })
            stage.tasks.shutDown()
        }
    }

    /// A group begins where it began first, and again where it committed; what `from` names goes before that.
    @Test func aGroupGoesOnWhereItCommitted() throws {
        let simulation = Simulation(seed: 2)
        let stage = try StreamStage(simulation)
        try stage.fill(batches: 2)
        try simulation.drive {
            try await stage.serve()
            let first = try await stage.open(StreamStage.request())
            let reply = try await StreamStage.next(first)
            first.cancel()
            let again = try await stage.open(StreamStage.request(earliest: false))
            var repeated = try await StreamStage.next(again)
            #expect(repeated.effects.map(\.id) == reply.effects.map(\.id), "its beginning is committed for it")
            again.cancel()
            let group = try #require(StreamGroup(name: "g", topic: .userEvents))
            let cursor = try stage.cursor(reply.cursor)
            await withCheckedContinuation { continuation in
                stage.groups.commit(cursor, of: group, at: WallTime(milliseconds: 1)) { _ in continuation.resume() }
            }
            var request = StreamStage.request()
            request.partitions = [0, 1]
            let other = try #require(
                StreamTokens(keys: TokenKeys(stage.fixture.keyring), deploymentID: ServingFixture.deployment)
                    .seal(StreamCursor([PartitionID(1): EffectPosition()])))
            request.from = Data(other)
            let onward = try await stage.open(request)
            try stage.fillMore()
            repeated = try await StreamStage.next(onward)
            #expect(repeated.effects.map(\.interaction.contentID) == ["more"], "partition 0 stands where it committed")
            stage.tasks.shutDown()
        }
    }

    /// S8: a group that trimming has overtaken is told so, and where it can go on.
    @Test func aTrimmedGroupIsToldWhereToGoOn() throws {
        let simulation = Simulation(seed: 3)
        let stage = try StreamStage(simulation)
        try stage.fill(batches: 6)
        try simulation.drive {
            try await stage.serve()
            let first = try await stage.open(StreamStage.request())
            _ = try await StreamStage.next(first)
            first.cancel()
            let cut = try #require(stage.engine.batches(of: StreamStage.log).dropFirst(3).first).header.baseOffset
            stage.engine.trim(StreamStage.log, below: cut)
            let failure = try await StreamStage.failure(try await stage.open(StreamStage.request()))
            #expect(failure.code == .outOfRange && failure.reason == "CURSOR_TRIMMED", "\(failure.message)")
            #expect(failure.metadata["partition"] == "0")
            let oldest = try #require(failure.metadata["oldest"].flatMap { Data(base64Encoded: $0) })
            var request = StreamStage.request()
            request.from = oldest
            let reply = try await StreamStage.next(try await stage.open(request))
            #expect(reply.effects.first?.position.offset == cut.rawValue)
            stage.tasks.shutDown()
        }
    }

    @Test func subscribersAreBounded() throws {
        let simulation = Simulation(seed: 4)
        let stage = try StreamStage(simulation, maxSubscribers: 2)
        try stage.fill(batches: 1)
        try simulation.drive {
            try await stage.serve()
            let (one, other) = (
                try await stage.open(StreamStage.request("a")), try await stage.open(StreamStage.request("b"))
            )
            _ = (try await StreamStage.next(one), try await StreamStage.next(other))
            let failure = try await StreamStage.failure(try await stage.open(StreamStage.request("c")))
            #expect(failure.code == .resourceExhausted && failure.reason == "TOO_MANY_SUBSCRIBERS")
            #expect(failure.retryAfter != nil)
            one.cancel()
            // A place is free once the server has seen that.
            try await simulation.machine("client").clock.sleep(for: .seconds(1))
            let third = try await StreamStage.next(try await stage.open(StreamStage.request("c")))
            #expect(!third.effects.isEmpty)
            stage.tasks.shutDown()
        }
    }
}

extension StreamStage {
    fileprivate func cursor(_ token: Data) throws -> StreamCursor {
        let tokens = StreamTokens(keys: TokenKeys(fixture.keyring), deploymentID: ServingFixture.deployment)
        return try tokens.open(token, partitions: try #require(PartitionCount(2)))
    }

    /// One click behind everything.
    fileprivate func fillMore() throws {
        let last = try #require(engine.batches(of: Self.log).last)
        var writer = OriginLogWriter(
            log: Self.log, epoch: Epoch(1), end: last.endOffset, digest: last.chainDigest)
        let wall = last.header.lastStamp.wallTime.advanced(by: .milliseconds(1))
        let event = UserEvent.interaction(
            InteractionEvent(user: UserKey(userID: "u"), kind: .click, contentID: "more", occurredAt: wall))
        _ = try writer.append(
            EventRecord(
                kind: event.kind, stamp: HybridStamp(at: wall),
                id: EventID(at: wall, sequence: 0, client: 6), body: event.body))
        if let batch = try writer.seal() { try engine.submit(batch) }
    }
}
