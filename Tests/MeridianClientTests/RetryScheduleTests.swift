// Retrying: jitter within bounds, the server's wish, the caller's deadline, the limit of tries.

import ClusterModel
import NodeEnvironment
import Testing

@testable import MeridianClient

@Suite struct RetryScheduleTests {
    private static let start = BootInstant(nanoseconds: 1_000_000_000)
    private static let lost = MeridianClientError(.unavailable, "gone")

    @Test(arguments: 1...20 as ClosedRange<UInt64>)
    func waitsDoubleWithJitterUpToTheirBound(seed: UInt64) {
        var generator = SeededGenerator(seed: seed)
        let policy = RetryPolicy(firstDelay: .milliseconds(20), longestDelay: .milliseconds(100), attempts: 32)
        var schedule = RetrySchedule(policy, deadline: Self.start.advanced(by: .seconds(60)))
        var nominal = Duration.milliseconds(20)
        for _ in 0..<10 {
            let directive = schedule.onFailure(Self.lost, at: Self.start, random: generator.next())
            guard case .retry(let instant) = directive else {
                Issue.record("seed \(seed): gave up")
                return
            }
            let wait = instant.since(Self.start)
            #expect(wait >= nominal / 2 && wait <= nominal, "seed \(seed): \(wait) of \(nominal)")
            nominal = min(nominal * 2, .milliseconds(100))
        }
    }

    @Test func theServersWishIsHonoured() {
        var schedule = RetrySchedule(RetryPolicy(), deadline: Self.start.advanced(by: .seconds(60)))
        let busy = MeridianClientError(.overloaded, "full", retryAfter: .seconds(3))
        #expect(
            schedule.onFailure(busy, at: Self.start, random: 0) == .retry(at: Self.start.advanced(by: .seconds(3))))
    }

    @Test func noTryBeginsAtOrAfterTheDeadline() {
        var schedule = RetrySchedule(RetryPolicy(), deadline: Self.start.advanced(by: .seconds(1)))
        let busy = MeridianClientError(.overloaded, "full", retryAfter: .seconds(1))
        #expect(schedule.onFailure(busy, at: Self.start, random: .max) == .giveUp)
        #expect(schedule.attemptDeadline(at: Self.start) == Self.start.advanced(by: .seconds(1)))
    }

    @Test func triesAreCounted() {
        let policy = RetryPolicy(attempts: 3)
        var schedule = RetrySchedule(policy, deadline: Self.start.advanced(by: .seconds(60)))
        #expect(schedule.onFailure(Self.lost, at: Self.start, random: 1) != .giveUp)
        #expect(schedule.onFailure(Self.lost, at: Self.start, random: 1) != .giveUp)
        #expect(schedule.onFailure(Self.lost, at: Self.start, random: 1) == .giveUp)
    }

    @Test(arguments: [
        MeridianClientError.Code.invalidArgument, .permissionDenied, .unimplemented, .failedPrecondition, .outOfRange,
        .cancelled, .serverFailure, .badAnswer,
    ])
    func whatWouldFailAgainIsNotRepeated(code: MeridianClientError.Code) {
        var schedule = RetrySchedule(RetryPolicy(), deadline: Self.start.advanced(by: .seconds(60)))
        #expect(schedule.onFailure(MeridianClientError(code, ""), at: Self.start, random: 1) == .giveUp)
    }

    /// C22: a call that does not wait for nodes ends once each of them could not be reached, and goes on after any answer.
    @Test(arguments: [(true, true), (false, false)])
    func aCallWaitsForNodesThatAreAwayOnlyWhereItIsToldTo(awaits: Bool, goesOn: Bool) {
        func directive(_ error: MeridianClientError) -> CallPlan.Directive {
            var plan = CallPlan(
                .operation, policy: RetryPolicy(awaitsNodes: awaits), deadline: Self.start.advanced(by: .seconds(600)))
            let failure = RegionFailure(region: "r", endpoint: "a:1", error, elapsed: .zero)
            let first = plan.onFailure(
                error, failure, of: 0, RegionVerdict(error), isOpen: false, at: Self.start, random: 1)
            guard first == .again else { return first }
            return plan.onRoundOver(at: Self.start, random: 1)
        }
        let away = MeridianClientError(.unavailable, "connection refused")
        #expect((directive(away) != .giveUp) == goesOn)
        let draining = MeridianClientError(.unavailable, reason: "NODE_DRAINING", "x", retryAfter: .seconds(1))
        #expect(directive(draining) != .giveUp)
    }
}
