// What a client holds back while its region refuses most of what it is sent.

import ClusterModel
import GRPCFraming
import MeridianProtocol
import NodeEnvironment
import SimulatedEnvironment
import Testing

@testable import MeridianClient

@Suite struct CallThrottleTests {
    /// `wanted` calls a second against a server that takes `taken` a second.
    private struct Flow {
        var throttle = CallThrottle(ThrottlePolicy())
        var now = BootInstant(nanoseconds: 1_000_000_000)
        var sent = 0
        var accepted = 0

        mutating func run(wanted: Int, taken: Int, seconds: Int) {
            (sent, accepted) = (0, 0)
            for _ in 0..<seconds {
                var left = taken
                for _ in 0..<wanted {
                    now = now.advanced(by: .nanoseconds(1_000_000_000 / Int64(wanted)))
                    guard throttle.onCall(at: now) else { continue }
                    sent += 1
                    guard left > 0 else { continue }
                    left -= 1
                    accepted += 1
                    throttle.onAccepted()
                }
            }
        }
    }

    @Test(arguments: [1_000, 10_000]) func twiceWhatIsTakenIsSent(wanted: Int) {
        var flow = Flow()
        flow.run(wanted: wanted, taken: 100, seconds: 30)
        flow.run(wanted: wanted, taken: 100, seconds: 60)
        #expect(flow.accepted == 6_000, "the server has what it can do: \(flow.accepted)")
        #expect((11_000...13_500).contains(flow.sent), "\(flow.sent)")
    }

    @Test func aServerThatTakesHalfIsSentEverything() {
        var flow = Flow()
        flow.run(wanted: 1_000, taken: 520, seconds: 60)
        #expect(flow.sent == 60_000)
    }

    @Test func afterwardsEverythingIsSentAgain() {
        var flow = Flow()
        flow.run(wanted: 1_000, taken: 50, seconds: 60)
        flow.run(wanted: 400, taken: 1_000, seconds: 20)
        flow.run(wanted: 400, taken: 1_000, seconds: 20)
        #expect(flow.sent == 8_000)
    }

    /// A server that takes nothing is still asked now and then: nobody else would tell that it is well again.
    @Test func whoTakesNothingIsAskedNowAndThen() {
        var flow = Flow()
        flow.run(wanted: 100, taken: 0, seconds: 60)
        flow.run(wanted: 100, taken: 0, seconds: 60)
        #expect((5...200).contains(flow.sent), "\(flow.sent)")
    }

    @Test(arguments: 1...10 as ClosedRange<UInt64>) func anyInputIsBounded(seed: UInt64) {
        var generator = SeededGenerator(seed: seed)
        var throttle = CallThrottle(
            ThrottlePolicy(excess: -1, halfLife: .nanoseconds(Int64(generator.next() % 9)), allowance: -5))
        for _ in 0..<2_000 {
            let now = BootInstant(nanoseconds: generator.next() >> (generator.next() % 64))
            if throttle.onCall(at: now), generator.next() % 3 == 0 { throttle.onAccepted() }
        }
    }

    /// The whole client: of two hundred calls that all are refused few are sent, and what is of another class is not
    /// touched by it.
    @Test func anOverloadedServerIsLeftAlone() async throws {
        let script = try ScriptedClient(
            [.failure(.server(.resourceExhausted, "QUEUE_TOO_OLD", retryAfter: .milliseconds(1)))])
        let ahead = CallOptions(retry: .never, priority: .prefetch)
        for _ in 0..<200 {
            let error = await #expect(throws: MeridianClientError.self) {
                try await script.client.nextContent(for: "u", options: ahead)
            }
            #expect(error?.code == .overloaded && error?.retryAfter != nil)
        }
        let sent = script.links.calls.count
        #expect((11...40).contains(sent), "\(sent) of 200 sent")
        #expect(script.client.statistics.throttledCalls == UInt64(200 - sent))
        let error = await #expect(throws: MeridianClientError.self) {
            try await script.client.nextContent(for: "u", options: CallOptions(retry: .never))
        }
        #expect(error?.reason == "QUEUE_TOO_OLD" && script.links.calls.count == sent + 1)
    }
}
