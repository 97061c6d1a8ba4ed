// Retries of refused calls are a part of calls, so that they cannot make an overload worse.

import ClusterModel
import GRPCFraming
import MeridianProtocol
import NodeEnvironment
import SimulatedEnvironment
import Testing

@testable import MeridianClient

@Suite struct RetryBudgetTests {
    private static let start = BootInstant(nanoseconds: 1_000_000_000)

    @Test func repeatsAreAPartOfCalls() {
        var budget = RetryBudget(RetryBudgetPolicy(share: 0.2, perSecond: 0, burst: 10))
        var repeats = 0
        for _ in 0..<10_000 {
            budget.onCall()
            // Every call is refused, and would be repeated for ever.
            while budget.onRepeat(at: Self.start) { repeats += 1 }
        }
        #expect((2_000...2_010).contains(repeats))
    }

    @Test func timeEarnsRepeatsUpToTheBurst() {
        var budget = RetryBudget(RetryBudgetPolicy(share: 0, perSecond: 10, burst: 4))
        func drain(at now: BootInstant) -> Int {
            var count = 0
            while budget.onRepeat(at: now) { count += 1 }
            return count
        }
        #expect(drain(at: Self.start) == 4)
        #expect(drain(at: Self.start.advanced(by: .milliseconds(250))) == 2)
        #expect(drain(at: Self.start.advanced(by: .seconds(60))) == 4)
        // A clock that goes back earns nothing and costs nothing.
        #expect(drain(at: Self.start) == 0)
    }

    /// The whole client against a server that always refuses: it sends hardly more than its callers asked for.
    @Test func anOverloadedServerHearsAFifthMoreThanItsCallers() async throws {
        var configuration = MeridianClient.Configuration()
        configuration.retryBudget = RetryBudgetPolicy(share: 0.2, perSecond: 0, burst: 5)
        configuration.throttle = nil
        let script = try ScriptedClient(
            [.failure(.server(.resourceExhausted, "QUEUE_TOO_OLD", retryAfter: .milliseconds(200)))],
            configuration: configuration)
        for _ in 0..<200 {
            let error = await #expect(throws: MeridianClientError.self) {
                try await script.client.nextContent(for: "u")
            }
            #expect(error?.code == .overloaded && error?.reason == "QUEUE_TOO_OLD")
        }
        #expect((220...246).contains(script.links.calls.count), "\(script.links.calls.count) requests for 200 calls")
        #expect(script.client.statistics.withheldRepeats == 200)
    }

    @Test func whatIsFetchedAheadSaysSo() async throws {
        let script = try ScriptedClient([.reply(Meridian_V1_NextContentReply())])
        _ = try await script.client.nextContent(for: "u")
        _ = try await script.client.nextContent(for: "u", options: CallOptions(priority: .prefetch))
        #expect(script.links.calls.map { $0.metadata.first("meridian-priority") } == [nil, "prefetch"])
    }
}
