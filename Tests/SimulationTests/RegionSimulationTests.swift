// Drawn runs of two and three whole regions (S1-S12). MERIDIAN_PROVE=1 runs many more seeds.

import Foundation
import MeridianSimulation
import SimulatedEnvironment
import Testing

@Suite struct RegionSimulationTests {
    private static let isProving = ProcessInfo.processInfo.environment["MERIDIAN_PROVE"] != nil

    private static func run(_ seed: UInt64, regions: Int, _ faults: [RegionFault]? = nil) -> ScenarioReport {
        var size = RegionScenarioSize()
        size.regions = regions
        size.strikes = 5
        size.faults = faults
        return RegionScenario(seed: seed, size: size).run()
    }

    @Test(arguments: 1...(isProving ? 200 : 5)) func twoRegionsKeepTheRules(seed: Int) {
        let report = Self.run(UInt64(seed), regions: 2)
        #expect(report.violations.isEmpty, "\(report.violations.map(\.description))")
        #expect(report.acknowledged > 0, "seed \(seed)")
    }

    @Test(arguments: 1...(isProving ? 100 : 3)) func threeRegionsKeepTheRules(seed: Int) {
        let report = Self.run(UInt64(1_000 + seed), regions: 3)
        #expect(report.violations.isEmpty, "\(report.violations.map(\.description))")
        #expect(report.acknowledged > 0, "seed \(seed)")
    }

    /// Disks that are lost, that come back, and that turn out to be copies (S1a, S12).
    @Test(arguments: 1...(isProving ? 200 : 4)) func lostDisksLoseWhatStoodOnThemAlone(seed: Int) {
        let report = Self.run(UInt64(2_000 + seed), regions: 2 + seed % 2, [.wipe, .oldDisk, .returningDisk, .kill])
        #expect(report.violations.isEmpty, "\(report.violations.map(\.description))")
    }

    @Test func oneSeedIsOneRun() {
        let reports = (0..<2).map { _ in Self.run(77, regions: 2) }
        #expect(Set(reports.map(\.traceHash)).count == 1)
        #expect(Set(reports.map(\.steps)).count == 1)
    }

    /// The dangerous moments are met, not only possible.
    @Test func rarePathsAreMet() {
        var met: [RarePath: Int] = [:]
        for seed in 3_000...(3_005) as ClosedRange<UInt64> {
            var size = RegionScenarioSize()
            size.regions = 2 + Int(seed % 2)
            size.faults = RegionFault.allCases
            let report = RegionScenario(seed: seed, size: size).run()
            #expect(report.violations.isEmpty, "\(report.violations.map(\.description))")
            met.merge(report.rarePaths) { $0 + $1 }
        }
        for path in RarePath.ofRegions { #expect((met[path] ?? 0) > 0, "\(path.rawValue)") }
    }

    /// The judge sees what it is there for: disks that only say that they synced lose what was acknowledged.
    @Test func disksThatLieAreFoundOut() {
        var size = RegionScenarioSize()
        size.diskLies = true
        size.strikes = 4
        size.faults = [.powerCut, .everyPowerCut]
        let found = (1...4 as ClosedRange<UInt64>).contains { seed in
            let rules = Set(RegionScenario(seed: seed, size: size).run().violations.map(\.rule))
            return !rules.isDisjoint(with: ["S6", "S11"])
        }
        #expect(found)
    }

    /// Likewise: a clock that takes elapsed time along when it jumps fools the node, and not the judge (S2).
    @Test func aClockThatHidesItsJumpIsFoundOut() throws {
        let report = try RegionScript.run(regions: 2) { regions in
            regions.clock(of: 1).jumpBothClocks(by: .seconds(3_600))
            _ = await regions.report(regions.makeEvent(), of: "u", through: 1)
            try await regions.sleep(.seconds(1))
            regions.survey(1)
        }
        #expect(report.violations.contains { $0.rule == "S2" })
    }
}
