// Histories that sweeps over drawn faults found, told again by the rule that they broke.

import MeridianProtocol
import MeridianSimulation
import Personalization
import SimulatedEnvironment
import Testing

/// Every scenario ends like those of HistoriesTests.
@Suite struct FoundHistoriesTests {
    private static func play(
        regions: Int, seed: UInt64 = 1, _ script: @escaping @Sendable (RegionScript) async throws -> Void
    ) throws {
        let report = try RegionScript.run(regions: regions, seed: seed, script)
        #expect(report.violations.isEmpty, "seed \(seed): \(report.violations.map(\.description))")
    }

    /// A record that named a line which only the origin's disk had held every replica up for ever.
    @Test("S1a: the origin's disk goes back while its ends record is on its way", arguments: 1...4)
    func aDiskGoesBackAmidAgreement(seed: UInt64) throws {
        try Self.play(regions: 2, seed: seed) { regions in
            let old = regions.diskImage(of: 0)
            // Starts whose lines the peer cannot pull, while it is asked for seals, and gives them.
            regions.mute(1, to: 0)
            for _ in 0..<2 {
                regions.crash(0)
                regions.start(0)
                // A start asks for its region's claim first, and hears no answer for a second.
                try await regions.sleep(.milliseconds(2_200))
            }
            regions.heal()
            // The question whose answer was lost has its deadline first.
            try await regions.sleep(.milliseconds(8_500))
            #expect(try await regions.awaitEnds(of: 0, on: 1))
            regions.replaceDisk(of: 0, by: old)
            regions.start(0)
            #expect(await regions.converge(), "seed \(seed)")
        }
    }

    @Test("S2: the clock jumps between a first start's look at it and its first record", arguments: [-3_600, 3_600])
    func theClockJumpsDuringAFirstStart(seconds: Int64) throws {
        try Self.play(regions: 3) { regions in
            regions.replaceDisk(of: 1)
            regions.start(1)
            // The start waits 2D before it opens its line.
            try await regions.sleep(.milliseconds(50))
            regions.clock(of: 1).jumpWallClock(by: .seconds(seconds))
            try await regions.sleep(.seconds(2))
            #expect(regions.outcome(1) == nil)
            regions.clock(of: 1).correct()
            #expect(await regions.converge())
        }
    }

    /// Two clock faults met on one machine: the second one's end set the clock right while the first was still being slewed
    /// back, so that it drifted by 5 % for six seconds. The guard followed every look of it, and an id 300 ms out of bounds
    /// was taken.
    @Test("S2, S4: a clock that drifts for long is refused before an id far out of bounds is taken")
    func aLongDriftIsNotFollowed() {
        var size = RegionScenarioSize()
        size.regions = 2
        let report = RegionScenario(seed: 8_000_505, size: size).run()
        #expect(report.violations.isEmpty, "\(report.violations.map(\.description))")
        #expect(report.acknowledged > 0)
    }

    @Test(
        "S2: one of two regions drifts by 5 %: it refuses within seconds, the other goes on",
        arguments: [50_000, -50_000])
    func aDriftingRegionRefuses(partsPerMillion: Int64) throws {
        try Self.play(regions: 2) { regions in
            regions.clock(of: 0).setDrift(partsPerMillion: partsPerMillion)
            // D is 50 ms here: gained in a second.
            try await regions.sleep(.milliseconds(1_500))
            let wild = await regions.report(
                regions.makeEvent(), of: "u", through: 0, timeout: .milliseconds(300))
            #expect(wild == .failed("CLOCK_UNTRUSTED") || wild == .failed("deadline exceeded"), "\(wild)")
            guard case .applied = await regions.report(regions.makeEvent(), of: "u", through: 1) else {
                Issue.record("the region whose clock is right does not write")
                return
            }
            regions.clock(of: 0).correct()
            try await regions.sleep(.milliseconds(500))
            guard case .applied = await regions.report(regions.makeEvent(), of: "u", through: 0) else {
                Issue.record("the region does not write again once its clock is right")
                return
            }
        }
    }
}
