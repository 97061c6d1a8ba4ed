// A whole node that dies and starts again under its users: what was acknowledged is there, once (S5, S6, S10, S12).

import MeridianSimulation
import Testing

@Suite struct NodeSimulationTests {
    @Test(arguments: 1...12 as ClosedRange<UInt64>)
    func whatWasAcknowledgedIsThereOnce(seed: UInt64) {
        let report = NodeScenario(seed: seed).run()
        #expect(report.violations.isEmpty, "\(report.violations.map(\.description))")
        #expect(report.acknowledged > 0, "seed \(seed)")
    }

    @Test(arguments: 1...2 as ClosedRange<UInt64>) func aNodeThatHasEndedHoldsNothing(seed: UInt64) {
        var size = ScenarioSize()
        size.deaths = 0
        let report = NodeScenario(seed: seed, size: size).run()
        #expect(report.violations.isEmpty, "\(report.violations.map(\.description))")
    }

    /// A start that fails after the log was recovered lets go of the directory.
    @Test func aStartThatFailsLeavesTheDirectoryToTheNext() throws {
        let outcome = try RefusedStartScenario(seed: 5).run()
        #expect(outcome.refusal.contains("listen.api"), "\(outcome)")
        #expect(outcome.heldFiles == 0, "\(outcome)")
        #expect(outcome.servedAfterwards, "\(outcome)")
    }

    /// S7: a failed sync ends the log loudly, and the node still stops when it is asked to.
    /// A first start takes some twenty syncs before it serves.
    @Test(arguments: [26, 30, 37, 47]) func aNodeWithAFailedDiskSaysSoAndStops(syncs: Int) throws {
        let outcome = try FencedNodeScenario(seed: UInt64(syncs), syncsBeforeFailure: syncs).run()
        #expect(outcome.refusal == "LOG_FENCED", "\(outcome)")
        #expect(outcome.hasStopped)
    }

    private static func stops(_ seed: UInt64) -> ScenarioReport {
        var size = ScenarioSize()
        (size.deaths, size.stops, size.steps) = (0, 8, 80)
        return NodeScenario(seed: seed, size: size).run()
    }

    /// B15: SIGTERM ends a node within its limit while it starts, serves, and waits for a disk that stands still, and
    /// nothing acknowledged is lost.
    @Test(arguments: 200...211 as ClosedRange<UInt64>)
    func aStopEndsWithinItsLimitAtAnyMoment(seed: UInt64) {
        let report = Self.stops(seed)
        #expect(report.violations.isEmpty, "\(report.violations.map(\.description))")
        #expect(report.acknowledged > 0, "seed \(seed)")
    }

    @Test func stopsAreMetAtEveryMoment() {
        var met: [RarePath: Int] = [:]
        for seed in 212...219 as ClosedRange<UInt64> { met.merge(Self.stops(seed).rarePaths) { $0 + $1 } }
        for path in RarePath.ofStops { #expect((met[path] ?? 0) > 0, "\(path.rawValue)") }
    }

    /// B15: a start that waits for time or for a peer gives up at once and lets go of its directory.
    @Test(arguments: StartWait.allCases, [1, 2, 3] as [UInt64])
    func aStartThatWaitsIsStopped(wait: StartWait, seed: UInt64) throws {
        let outcome = try WaitingStartScenario(seed: seed, wait: wait).run()
        #expect(outcome.hadWaited && outcome.failure.isEmpty, "\(outcome)")
        #expect(outcome.took < .seconds(2) && outcome.heldFiles == 0, "\(outcome)")
    }

    /// FAULTS 1.16: back-pressure while the disk stands still for 30 s, everything once afterwards.
    @Test(arguments: 1...3 as ClosedRange<UInt64>) func aDiskThatStandsStillLosesAndDoublesNothing(seed: UInt64) throws
    {
        let outcome = try StalledDiskScenario(seed: seed).run()
        #expect(outcome.acknowledgedDuring == 0 && outcome.askedDuring > 10, "\(outcome)")
        #expect(outcome.refusals.contains("FLUSH_OVERDUE"), "\(outcome)")
        #expect(outcome.readDuring > 0, "\(outcome)")
        #expect(outcome.missingAfterwards == 0 && outcome.violations.isEmpty, "\(outcome)")
    }

    @Test func oneSeedIsOneRun() {
        let reports = (0..<3).map { _ in NodeScenario(seed: 99).run() }
        #expect(Set(reports.map(\.traceHash)).count == 1)
        #expect(Set(reports.map(\.steps)).count == 1)
    }

    /// The dangerous moments are met, not only possible.
    @Test func rarePathsAreMet() {
        var met: [RarePath: Int] = [:]
        for seed in 100...111 as ClosedRange<UInt64> {
            met.merge(NodeScenario(seed: seed).run().rarePaths) { $0 + $1 }
        }
        for path in RarePath.ofOneRegion { #expect((met[path] ?? 0) > 0, "\(path.rawValue)") }
    }

    /// The checks see what they are there for: on a disk that only says that it synced, acknowledged events are lost, or a
    /// start finds out that what it believed is gone.
    @Test func aDiskThatLiesIsFoundOut() {
        var size = ScenarioSize()
        size.diskLies = true
        let found = (1...6 as ClosedRange<UInt64>).contains { seed in
            NodeScenario(seed: seed, size: size).run().violations.contains { ["S6", "run"].contains($0.rule) }
        }
        #expect(found)
    }
}
