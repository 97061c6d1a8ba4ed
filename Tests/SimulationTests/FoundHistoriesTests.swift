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
                try await regions.sleep(.seconds(1))
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
}
