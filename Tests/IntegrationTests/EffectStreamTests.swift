// S13 against a real node: a group reads, commits, and goes on after its node was killed.

import Foundation
import MeridianClient
import MeridianProtocol
import NodeEnvironment
import Testing

@testable import OperatorCommands

@Suite(
    .serialized, .timeLimit(.minutes(3)),
    .enabled(if: BuiltExecutables.areThere, Comment(rawValue: BuiltExecutables.absence)))
struct EffectStreamTests {
    private static func report(_ numbers: Range<Int>, to client: MeridianClient) async throws {
        for number in numbers {
            var event = Meridian_V1_Interaction()
            event.kind = .click
            event.contentID = "item-\(number)"
            _ = try await client.report([event], of: "user-\(number % 7)")
        }
    }

    /// Reads until all of `numbers` came, each once; the last batch.
    private static func expect(
        _ numbers: Range<Int>, from iterator: inout EffectBatches.AsyncIterator
    ) async throws -> EffectBatch? {
        var missing = Set(numbers.map { "item-\($0)" })
        var last: EffectBatch?
        while !missing.isEmpty {
            let batch = try await iterator.next()
            for effect in batch?.effects ?? [] {
                let item = effect.interaction.contentID
                let isExpected = missing.remove(item) != nil
                #expect(isExpected, "\(item) was committed, or came twice")
                #expect(effect.userKey.count == 16 && effect.hasID && effect.stampMs > 0)
            }
            last = batch
        }
        return last
    }

    @Test func aGroupGoesOnAfterItsNodeWasKilled() async throws {
        try await RealNode.with { real in
            try await real.node.start()
            var client = try real.node.makeClient()
            try await Self.report(0..<50, to: client)
            var effects = client.subscribe(topic: "interactions", group: "g", start: .earliest).makeAsyncIterator()
            let first = try #require(try await Self.expect(0..<50, from: &effects))
            try await client.commit(first, topic: "interactions", group: "g")
            try await Self.report(50..<80, to: client)
            _ = try await Self.expect(50..<80, from: &effects)
            await client.close()
            try await real.node.kill()
            try await real.node.start()
            client = try real.node.makeClient()
            try await Self.report(80..<90, to: client)
            // What was not committed comes again, what was does not.
            effects = client.subscribe(topic: "interactions", group: "g").makeAsyncIterator()
            let last = try #require(try await Self.expect(50..<90, from: &effects))
            try await client.commit(last, topic: "interactions", group: "g")
            let groups = try await client.streamGroups()
            #expect(groups.map(\.group) == ["g"] && groups.first?.partitions ?? 0 > 0)
            try await client.forgetGroup(topic: "interactions", group: "g")
            let left = try await client.streamGroups()
            #expect(left.isEmpty)
            await client.close()
        }
    }

    @Test func badRequestsAreRefused() async throws {
        try await RealNode.with { real in
            try await real.node.start()
            let client = try real.node.makeClient()
            let cases: [(EffectBatches, MeridianClientError.Code, String)] = [
                (client.subscribe(group: "a/b"), .invalidArgument, "FIELD_OUT_OF_BOUNDS"),
                (client.subscribe(topic: "none", group: "g"), .invalidArgument, "FIELD_OUT_OF_BOUNDS"),
                (client.subscribe(group: "g", partitions: [9_999]), .invalidArgument, "FIELD_OUT_OF_BOUNDS"),
                (client.subscribe(group: "g", from: Data([1, 2, 3])), .invalidArgument, "CURSOR_INVALID"),
            ]
            for (effects, code, reason) in cases {
                var iterator = effects.makeAsyncIterator()
                do throws(MeridianClientError) {
                    _ = try await iterator.next()
                    Issue.record("\(reason) is not told")
                } catch {
                    #expect(error.code == code && error.reason == reason, "\(error)")
                }
            }
            await client.close()
        }
    }
}
