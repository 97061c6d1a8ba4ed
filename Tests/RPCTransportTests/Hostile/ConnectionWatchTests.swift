// The watch over a connection and the budget of control frames, step by step.

import ClusterModel
import Testing

@testable import RPCTransport

@Suite struct ConnectionWatchTests {
    private func watch(_ change: (inout TransportLimits) -> Void = { _ in }) -> ConnectionWatch {
        var limits = TransportLimits()
        change(&limits)
        return ConnectionWatch(limits: limits, random: .max / 2)
    }

    private static let busy = ConnectionWatch.Step(hasHeard: true, hasFrames: true, hasCalls: true)
    private static let quiet = ConnectionWatch.Step()

    @Test func silenceIsAskedAboutAndThenGivenUp() {
        var watch = watch {
            $0.silentStepsBeforePing = 2
            $0.maxMissedPings = 2
        }
        #expect(watch.onStep(Self.busy) == .none)
        #expect(watch.onStep(Self.quiet) == .rest)
        #expect(watch.onStep(Self.quiet) == .ping)
        #expect(watch.onStep(Self.quiet) == .ping)
        #expect(watch.onStep(Self.quiet) == .close(.silent))
    }

    @Test func anAnswerToAPingCounts() {
        var watch = watch { $0.silentStepsBeforePing = 1 }
        for _ in 0..<100 {
            #expect(watch.onStep(Self.quiet) == .ping)
            #expect(watch.onStep(Self.busy) == .none)
        }
    }

    @Test func onlyStepsInARowAreAStall() {
        var watch = watch { $0.maxStalledSteps = 2 }
        var stalled = Self.busy
        stalled.hasUnsent = true
        #expect(watch.onStep(stalled) == .none)
        var moving = stalled
        moving.hasSent = true
        #expect(watch.onStep(moving) == .none)
        #expect(watch.onStep(stalled) == .none)
        #expect(watch.onStep(stalled) == .close(.stalled))
    }

    @Test func ageIsJitteredAndLeavingHasALimit() {
        var early = ConnectionWatch(limits: limitsOfAge(100), random: 0)
        var late = ConnectionWatch(limits: limitsOfAge(100), random: .max)
        #expect(steps(of: &early, until: .retire) == 90)
        #expect(steps(of: &late, until: .retire) == 110)
        early.onRetired()
        #expect(steps(of: &early, until: .close(.overdue)) == TransportLimits().maxRetiredSteps)
    }

    private func limitsOfAge(_ steps: Int) -> TransportLimits {
        var limits = TransportLimits()
        limits.maxConnectionAge = limits.watchStep * steps
        return limits
    }

    private func steps(of watch: inout ConnectionWatch, until directive: ConnectionWatch.Directive) -> Int {
        (1...1_000).first { _ in watch.onStep(Self.busy) == directive } ?? 0
    }

    /// A8: where places run short, who calls goes before who does not.
    @Test func idleConnectionsRetireInACrowdOnly() {
        var watch = watch { $0.maxIdleStepsInCrowd = 3 }
        var idle = Self.busy
        idle.hasCalls = false
        for _ in 0..<10 { #expect(watch.onStep(idle) == .none) }
        idle.isCrowded = true
        #expect(watch.onStep(idle) == .retire)
        watch = self.watch { $0.maxIdleStepsInCrowd = 3 }
        var calling = Self.busy
        calling.isCrowded = true
        for _ in 0..<10 { #expect(watch.onStep(calling) == .none) }
    }

    @Test func idleConnectionsRetireWhenAsked() {
        var watch = watch {
            $0.maxIdleSteps = 3
            $0.silentStepsBeforePing = 100
        }
        #expect(watch.onStep(Self.quiet) == .rest)
        #expect(watch.onStep(Self.busy) == .none)
        #expect((0..<3).map { _ in watch.onStep(Self.quiet) } == [.rest, .rest, .retire])
    }

    @Test func aBudgetFillsWithTime() {
        var limits = TransportLimits()
        limits.controlFrameBurst = 10
        limits.controlFramesPerSecond = 5
        var budget = FrameBudget(limits: limits)
        let start = BootInstant(nanoseconds: 1_000)
        #expect(budget.spend(10, at: start) == true)
        #expect(budget.spend(1, at: start) == false)
        #expect(budget.spend(9, at: start.advanced(by: .seconds(2))) == true)
        // However long the pause, never more than a burst.
        #expect(budget.spend(11, at: start.advanced(by: .seconds(500))) == false)
    }
}
