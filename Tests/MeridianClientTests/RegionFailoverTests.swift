// A client of several regions: the same ids wherever a call goes (S5), the session along (S12), the caller's deadline kept.

import ClusterModel
import Foundation
import GRPCFraming
import MeridianProtocol
import NodeEnvironment
import SimulatedEnvironment
import Testing

@testable import MeridianClient

@Suite struct RegionFailoverTests {
    private static func click() -> Meridian_V1_Interaction {
        var event = Meridian_V1_Interaction()
        event.kind = .click
        event.contentID = "c"
        return event
    }

    private static func requests(_ regions: ScriptedRegions) throws -> [Meridian_V1_ReportRequest] {
        try regions.calls.map { try Meridian_V1_ReportRequest(reading: $0.message) }
    }

    @Test func s5HomeDiesInTheMiddleOfACall() async throws {
        let regions = ScriptedRegions([.diesMidCall, .well])
        let client = try regions.makeClient()
        let start = regions.now
        let reply = try await client.report([Self.click()], of: "u")
        #expect(reply.region == 1)
        #expect(reply.results.map(\.outcome) == [.duplicate])
        #expect(regions.visited == [0, 1])
        #expect(try Set(Self.requests(regions).map { $0.events.map(\.id) }).count == 1)
        #expect(regions.now.since(start) <= .milliseconds(5), "no pause before another region")
        let statistics = client.statistics
        #expect(statistics.duplicates == 1)
        #expect(statistics.failovers == 1 && statistics.redirectedCalls == 1 && statistics.calls == 1)
        #expect(statistics.current == "b")
        #expect(statistics.regions.map(\.standing) == [.down, .up])
        #expect(statistics.regions[0].falls == 1 && statistics.regions[0].unreachable == 1)
    }

    @Test func s5ABlackHoleTakesAFractionOfASecond() async throws {
        let regions = ScriptedRegions([.well, .well])
        let client = try regions.makeClient()
        for _ in 0..<20 { _ = try await client.report([Self.click()], of: "u") }
        regions.set(0, .silent)
        var longest = Duration.zero
        for _ in 0..<50 {
            let start = regions.now
            let reply = try await client.report([Self.click()], of: "u")
            #expect(reply.region == 1)
            longest = max(longest, regions.now.since(start))
        }
        #expect(longest <= .milliseconds(300), "\(longest)")
        // Two silences, and the seldom trials.
        #expect(client.statistics.regions[0].silences <= 4)
        #expect(try Self.requests(regions).suffix(2).allSatisfy { !$0.sessionToken.isEmpty })
    }

    @Test func s5ACallerWithLittleTimeStillReachesTheOther() async throws {
        let regions = ScriptedRegions([.silent, .well])
        let client = try regions.makeClient()
        let start = regions.now
        let reply = try await client.report(
            [Self.click()], of: "u", options: CallOptions(timeout: .milliseconds(40)))
        #expect(reply.region == 1)
        #expect(regions.now.since(start) <= .milliseconds(40))
    }

    @Test func bothDownThenOneComesBack() async throws {
        let regions = ScriptedRegions([ScriptedRegions.gone, ScriptedRegions.gone])
        let client = try regions.makeClient()
        regions.onCall { number, moods in if number == 9 { moods[1] = .well } }
        let reply = try await client.report([Self.click()], of: "u")
        #expect(reply.region == 1)
        #expect(Set(regions.visited.prefix(2)) == [0, 1])
        #expect(try Set(Self.requests(regions).map { $0.events.map(\.id) }).count == 1)
        #expect(client.statistics.current == "b")
    }

    @Test func bothDownFailAtTheDeadlineAndNameBoth() async throws {
        let regions = ScriptedRegions([ScriptedRegions.gone, .refuses(.server(.unavailable, "LOG_FENCED"))])
        let client = try regions.makeClient()
        let start = regions.now
        let error = await #expect(throws: MeridianClientError.self) {
            try await client.report([Self.click()], of: "u", options: CallOptions(timeout: .seconds(3)))
        }
        let spent = regions.now.since(start)
        #expect(spent <= .seconds(3) && spent >= .milliseconds(2_800), "\(spent)")
        #expect(error?.code == .unavailable)
        #expect(error?.attempts.count == RegionFailure.kept)
        #expect(Set(error?.attempts.map(\.region) ?? []) == ["a", "b"])
        #expect(error?.isOutcomeUnknown == true, "a connection that broke may have carried the call")
        #expect(error?.description.contains("LOG_FENCED") == true && error?.description.contains("tried a (") == true)
        #expect(regions.calls.count < 60, "\(regions.calls.count) calls in three seconds")
        #expect(client.statistics.failedCalls == 1)
    }

    @Test(arguments: 1...10 as ClosedRange<UInt64>)
    func s11NoCallOutlivesItsDeadline(seed: UInt64) async throws {
        var generator = SeededGenerator(seed: seed)
        let regions = ScriptedRegions([.well, .well, .well], seed: seed)
        let client = try regions.makeClient()
        for _ in 0..<60 {
            for region in 0..<3 {
                let moods: [ScriptedRegions.Mood] = [
                    .well, .silent, .diesMidCall, ScriptedRegions.gone,
                    .refuses(.server(.resourceExhausted, "BACKLOG_FULL", retryAfter: .milliseconds(50))),
                    .refuses(.server(.unavailable, "NODE_DRAINING", retryAfter: .seconds(1))),
                ]
                regions.set(region, moods[Int(generator.next() % UInt64(moods.count))])
            }
            let timeout = Duration.milliseconds(Int64(5 + generator.next() % 2_000))
            let start = regions.now
            // Failing is right where no region answers.
            _ = try? await client.report([Self.click()], of: "u", options: CallOptions(timeout: timeout))
            let spent = regions.now.since(start)
            #expect(spent <= timeout + regions.trip, "seed \(seed): \(spent) of \(timeout)")
            regions.pass(.milliseconds(Int64(generator.next() % 3_000)))
        }
        #expect(regions.calls.allSatisfy { $0.deadline != nil })
    }

    @Test(arguments: ["NODE_DRAINING", "LOG_FENCED", "CLOCK_UNTRUSTED", "REBUILDING", "NODE_STARTING"])
    func aRegionThatDoesNotServeLosesItsTrafficAtOnce(reason: String) async throws {
        let regions = ScriptedRegions([
            .refuses(.server(.unavailable, reason, retryAfter: .seconds(1))), .well,
        ])
        let client = try regions.makeClient()
        let start = regions.now
        for _ in 0..<10 { #expect(try await client.report([Self.click()], of: "u").region == 1) }
        #expect(regions.visited.filter { $0 == 0 }.count == 1, "the server's wish is kept")
        #expect(regions.now.since(start) < .milliseconds(100))
        #expect(client.statistics.regions[0].lastFailure == reason)
    }

    @Test func overloadStaysWhereItIsAtFirst() async throws {
        let regions = ScriptedRegions([.refuses(.server(.resourceExhausted, "BACKLOG_FULL")), .well])
        let client = try regions.makeClient()
        #expect(try await client.report([Self.click()], of: "u").region == 1)
        #expect(regions.visited == [0, 0, 1])
        #expect(client.statistics.current == "a", "one full backlog does not move the others")
    }

    @Test func aFlappingHomeIsLeftAlone() async throws {
        let regions = ScriptedRegions([.well, .well])
        let client = try regions.makeClient()
        for step in 0..<3_000 {
            regions.set(0, step / 100 % 2 == 0 ? .well : ScriptedRegions.gone)
            _ = try await client.report([Self.click()], of: "u")
            regions.pass(.milliseconds(18))
        }
        let statistics = client.statistics
        #expect(statistics.failedCalls == 0)
        #expect(statistics.failovers <= 2, "\(statistics.failovers) failovers in a minute of flapping")
    }

    @Test func trafficReturnsHomeAfterTheHold() async throws {
        let regions = ScriptedRegions([ScriptedRegions.gone, .well])
        let client = try regions.makeClient()
        _ = try await client.report([Self.click()], of: "u")
        regions.set(0, .well)
        let back = regions.now
        while client.statistics.current == "b", regions.now.since(back) < .seconds(60) {
            _ = try await client.report([Self.click()], of: "u")
            regions.pass(.milliseconds(50))
        }
        let took = regions.now.since(back)
        #expect(took >= .seconds(5) && took <= .seconds(10), "\(took)")
        #expect(client.statistics.returns == 1 && client.statistics.trials >= 2 && client.statistics.trials <= 8)
    }

    @Test func s12TheSessionGoesAlong() async throws {
        let regions = ScriptedRegions([.well, .well])
        let client = try regions.makeClient()
        _ = try await client.report([Self.click()], of: "u")
        regions.set(0, ScriptedRegions.gone)
        _ = try await client.report([Self.click()], of: "u")
        #expect(client.sessionToken(of: "u") == [0, 1], "b's token covers the one from a")
    }

    @Test func s12AnUnmetSessionIsLookedForInTheOtherRegions() async throws {
        let unmet = RPCStatus.server(.failedPrecondition, "SESSION_NOT_SATISFIED", retryAfter: .milliseconds(100))
        let regions = ScriptedRegions([.refuses(unmet), .well])
        let client = try regions.makeClient()
        #expect(try await client.nextContent(for: "u", requiresSession: true).region == 1)
        #expect(client.statistics.current == "a", "a is well")
        regions.set(1, .refuses(unmet))
        let error = await #expect(throws: MeridianClientError.self) {
            try await client.nextContent(for: "u", requiresSession: true)
        }
        #expect(error?.reason == "SESSION_NOT_SATISFIED")
        #expect(regions.visited == [0, 1, 0, 1])
    }

    @Test func s12ATokenThatNoRegionKnowsTheKeyOfIsLeftOutAtOnce() async throws {
        let unknown = RPCStatus.server(.unavailable, "SESSION_TOKEN_KEY_UNKNOWN", retryAfter: .seconds(5))
        let regions = ScriptedRegions([.refuses(unknown), .refuses(unknown)])
        let client = try regions.makeClient()
        client.continueSession(of: "u", token: [7])
        regions.onCall { number, moods in if number == 2 { moods = [.well, .well] } }
        let start = regions.now
        _ = try await client.report([Self.click()], of: "u")
        #expect(regions.visited == [0, 1, 0])
        #expect(try Self.requests(regions).map(\.sessionToken) == [Data([7]), Data([7]), Data()])
        #expect(regions.now.since(start) < .milliseconds(10))
    }

    @Test func manyNodesDownDoNotUseUpTheRounds() async throws {
        let regions = ScriptedRegions([ScriptedRegions.gone, ScriptedRegions.gone, ScriptedRegions.gone])
        let client = try regions.makeClient { $0.retry = RetryPolicy(attempts: 12) }
        regions.onCall { number, moods in if number == 30 { moods[2] = .well } }
        #expect(try await client.report([Self.click()], of: "u").region == 2)
    }

    @Test func aClosedClientTriesNoMore() async throws {
        let regions = ScriptedRegions([ScriptedRegions.gone, ScriptedRegions.gone])
        let client = try regions.makeClient()
        await client.close()
        let error = await #expect(throws: MeridianClientError.self) { try await client.status() }
        #expect(error?.code == .unavailable && regions.visited.count == 1)
    }

    @Test func anOperatorsOrderNeverGoesElsewhere() async throws {
        let regions = ScriptedRegions([ScriptedRegions.gone, .well])
        let client = try regions.makeClient()
        let options = CallOptions(timeout: .milliseconds(300))
        _ = await #expect(throws: MeridianClientError.self) { try await client.drain(options: options) }
        #expect(Set(regions.visited) == [0])
        _ = try await client.drain(options: CallOptions(region: "b"))
        #expect(regions.visited.last == 1)
        let error = await #expect(throws: MeridianClientError.self) {
            try await client.status(options: CallOptions(region: "mars"))
        }
        #expect(error?.code == .invalidArgument)
    }

    @Test func theAnswerSaysWhereItComesFrom() async throws {
        let regions = ScriptedRegions([.refuses(.server(.unavailable, "NODE_DRAINING")), .well])
        let client = try regions.makeClient()
        let answer = try await client.answer(to: .nextContent, Meridian_V1_NextContentRequest())
        #expect(answer.region == "b" && answer.tries == 2)
        #expect(answer.failures.map(\.reason) == ["NODE_DRAINING"])
        #expect(answer.failures.map(\.region) == ["a"])
    }

    @Test func neverMeansOneTry() async throws {
        let regions = ScriptedRegions([ScriptedRegions.gone, .well])
        let client = try regions.makeClient()
        _ = await #expect(throws: MeridianClientError.self) {
            try await client.report([Self.click()], of: "u", options: CallOptions(retry: .never))
        }
        #expect(regions.visited == [0])
    }

    @Test func regionsNeedNamesOfTheirOwn() throws {
        let stepped = ScriptedRegions([.well]).stepped
        let endpoint = Endpoint(host: "127.0.0.1", port: 7_000)
        let region = try #require(RegionEndpoints(name: "a", [endpoint], security: .plaintext))
        #expect(throws: MeridianClientError.self) {
            try MeridianClient(regions: [region, region], environment: stepped.environment)
        }
        #expect(throws: MeridianClientError.self) {
            try MeridianClient(regions: [], environment: stepped.environment)
        }
    }
}
