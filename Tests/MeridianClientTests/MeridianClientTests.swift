// The client against a scripted server: same ids over retries (S5), sessions (S12), calibrated ids (S4), deadlines (S11).

import ClusterModel
import Foundation
import GRPCFraming
import MeridianProtocol
import NodeEnvironment
import SimulatedEnvironment
import Testing

@testable import MeridianClient

@Suite struct MeridianClientTests {
    private static func click(_ content: String = "c") -> Meridian_V1_Interaction {
        var event = Meridian_V1_Interaction()
        event.kind = .click
        event.contentID = content
        return event
    }

    private static func reply(
        _ outcomes: [Meridian_V1_EventResult.Outcome], codes: [String] = [], token: [UInt8] = [], time: UInt64 = 0
    ) -> Meridian_V1_ReportReply {
        var reply = Meridian_V1_ReportReply()
        for (place, outcome) in outcomes.enumerated() {
            var result = Meridian_V1_EventResult()
            result.outcome = outcome
            result.code = codes.indices.contains(place) ? codes[place] : ""
            reply.results.append(result)
        }
        reply.sessionToken = Data(token)
        reply.serverTimeMs = time
        return reply
    }

    @Test func s5RetriesKeepTheIDs() async throws {
        let script = try ScriptedClient([
            .failure(.server(.unavailable, "NODE_DRAINING", retryAfter: .milliseconds(40))),
            .failure(RPCStatus(.deadlineExceeded, "outcome unknown")),
            .failure(.server(.resourceExhausted, "BACKLOG_FULL")), .reply(Self.reply([.applied, .duplicate])),
        ])
        let reply = try await script.client.report([Self.click("a"), Self.click("b")], of: "u")
        #expect(reply.results.map(\.outcome) == [.applied, .duplicate])
        let requests = try script.requests(Meridian_V1_ReportRequest.self)
        #expect(requests.count == 4)
        #expect(Set(requests.map { $0.events.map(\.id) }).count == 1)
        #expect(requests[0].events[0].id.time < requests[0].events[1].id.time)
        #expect(requests.allSatisfy { $0.durability.level == .local })
    }

    @Test func s11TimeRunsOutAsAnUnknownOutcome() async throws {
        let script = try ScriptedClient([.failure(RPCStatus(.deadlineExceeded, "late"))])
        let start = script.stepped.clock.bootTime()
        let error = await #expect(throws: MeridianClientError.self) {
            try await script.client.report([Self.click()], of: "u", options: CallOptions(timeout: .seconds(3)))
        }
        #expect(error?.code == .deadlineExceeded)
        #expect(script.stepped.clock.bootTime().since(start) <= .seconds(3) + .milliseconds(10))
        #expect(script.links.calls.count > 2)
        #expect(script.links.calls.allSatisfy { ($0.deadline?.since(start) ?? .zero) <= .seconds(3) })
    }

    @Test func s5WhatTheServerRefusesForGoodIsNotRepeated() async throws {
        let script = try ScriptedClient([.failure(.server(.invalidArgument, "FIELD_OUT_OF_BOUNDS"))])
        let error = await #expect(throws: MeridianClientError.self) {
            try await script.client.report([Self.click()], of: "")
        }
        #expect(error?.reason == "FIELD_OUT_OF_BOUNDS")
        #expect(script.links.calls.count == 1)
    }

    @Test func s12TheSessionTokenGoesAlong() async throws {
        var content = Meridian_V1_NextContentReply()
        content.sessionToken = Data([2])
        let script = try ScriptedClient([
            .reply(Self.reply([.applied], token: [1])), .reply(content), .reply(Self.reply([.applied], token: [3])),
        ])
        _ = try await script.client.report([Self.click()], of: "u")
        _ = try await script.client.nextContent(for: "u")
        _ = try await script.client.report([Self.click()], of: "other")
        let calls = script.links.calls
        #expect(try Meridian_V1_ReportRequest(reading: calls[0].message).sessionToken.isEmpty)
        #expect(try Meridian_V1_NextContentRequest(reading: calls[1].message).sessionToken == Data([1]))
        #expect(try Meridian_V1_ReportRequest(reading: calls[2].message).sessionToken.isEmpty)
        #expect(script.client.sessionToken(of: "u") == [2])
    }

    @Test func s12ATokenThatTheServerRefusesIsDropped() async throws {
        let script = try ScriptedClient([
            .failure(.server(.invalidArgument, "SESSION_TOKEN_FOREIGN_DEPLOYMENT")),
            .reply(Self.reply([.applied], token: [9])),
        ])
        script.client.continueSession(of: "u", token: [7])
        _ = try await script.client.report([Self.click()], of: "u")
        let requests = try script.requests(Meridian_V1_ReportRequest.self)
        #expect(requests.map(\.sessionToken) == [Data([7]), Data()])
        #expect(requests[0].events == requests[1].events)
        #expect(script.client.sessionToken(of: "u") == [9])
    }

    @Test func aCallTurnsToTheNextEndpoint() async throws {
        let script = try ScriptedClient(
            [.failure(RPCStatus(.unavailable, "refused")), .reply(Meridian_V1_StatusReply())], endpoints: 3)
        _ = try await script.client.status()
        _ = try await script.client.status()
        #expect(script.links.calls.map(\.endpoint.port) == [7_000, 7_001, 7_001])
    }

    @Test func s4IDsFollowTheServersTime() async throws {
        var status = Meridian_V1_StatusReply()
        status.serverTimeMs = 1_900_000_000_000
        let script = try ScriptedClient([.reply(status)])
        _ = try await script.client.status()
        // The trip took 2 ms, of which one lies behind the server's reading.
        #expect(EventID(script.client.makeEventID()).wallTime.milliseconds == 1_900_000_000_001)
    }

    @Test func s4IDsFromAWrongClockAreMadeAgainOnce() async throws {
        let time: UInt64 = 1_600_000_000_000
        let script = try ScriptedClient([
            .reply(Self.reply([.applied, .refused], codes: ["", "EVENT_ID_TOO_NEW"], time: time)),
            .reply(Self.reply([.applied], time: time)),
        ])
        let reply = try await script.client.report([Self.click("a"), Self.click("b")], of: "u")
        #expect(reply.results.map(\.outcome) == [.applied, .applied])
        let requests = try script.requests(Meridian_V1_ReportRequest.self)
        #expect(requests.map(\.events.count) == [2, 1])
        #expect(requests[1].events[0].contentID == "b")
        #expect(requests[1].events[0].id.client != requests[0].events[1].id.client)
        #expect(EventID(requests[1].events[0].id).wallTime.milliseconds / 1_000 == time / 1_000)
    }

    @Test func s4TheCallersOwnIDsAreNeverChanged() async throws {
        let script = try ScriptedClient([.reply(Self.reply([.refused], codes: ["EVENT_ID_TOO_OLD"], time: 5_000))])
        var event = Self.click()
        event.id = Meridian_V1_EventID(EventID(time: 77, client: 8))
        let reply = try await script.client.report([event], of: "u")
        #expect(reply.results.map(\.code) == ["EVENT_ID_TOO_OLD"])
        #expect(script.links.calls.count == 1)
    }
}
