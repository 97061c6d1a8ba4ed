// H7 and H12 through whole nodes: stamps from ahead of the clock, heard by a first start and left on the own disk (S2).

import MeridianProtocol
import MeridianSimulation
import SimulatedEnvironment
import Testing

@Suite struct FarStampsTests {
    private static func play(_ script: @escaping @Sendable (RegionScript) async throws -> Void) throws {
        let report = try RegionScript.run(regions: 2, script)
        // The judge looks at the disk while the clock that was ahead is right.
        let violations = report.violations.map(\.description).filter { !$0.contains("in the future") }
        #expect(violations.isEmpty, "\(violations)")
    }

    /// A start whose clock is ahead, and what it leaves at the other region.
    private static func startAhead(_ regions: RegionScript, by duration: Duration) async throws {
        regions.crash(0)
        regions.clock(of: 0).jumpWallClock(by: duration)
        regions.start(0)
        try await regions.sleep(.seconds(2))
        regions.crash(0)
        regions.clock(of: 0).correct()
    }

    /// Guards the wait before `raised` in RegionStart.raise: without it the start begins at once above those stamps, and takes
    /// nothing for as long as the clock is behind.
    @Test("H7, S2: a first start that is remembered ahead of the clock waits, then ends and says why")
    func aFirstStartThatIsRememberedAhead() throws {
        try Self.play { regions in
            try await Self.startAhead(regions, by: .seconds(45))
            regions.replaceDisk(of: 0)
            regions.start(0)
            try await regions.sleep(.seconds(20))
            #expect(regions.outcome(0) == nil, "it waits")
            #expect(await regions.report(regions.makeEvent(), of: "u", through: 0).token == nil)
            try await regions.sleep(.seconds(14))
            let end = regions.outcome(0) ?? "it goes on"
            #expect(
                end.contains("the clock cannot be trusted") && end.contains("ahead of this machine's clock"), "\(end)")
            regions.crash(0)
            try await regions.sleep(.seconds(10))
            regions.start(0)
            #expect(await regions.converge())
            #expect(await regions.report(regions.makeEvent(), of: "u", through: 0, regions: 1).token != nil)
        }
    }

    /// Guards `stampAbove` in MeridianNode.begin, and ClockWatch's look at it.
    @Test("H12, S2: a disk with stamps ahead of the clock serves reads, and takes writes once the clock is there")
    func aDiskWithStampsAhead() throws {
        try Self.play { regions in
            #expect(await regions.publish("c1", through: 0))
            try await Self.startAhead(regions, by: .seconds(20))
            regions.start(0)
            try await regions.sleep(.seconds(3))
            #expect(await regions.report(regions.makeEvent(), of: "u", through: 0) == .failed("CLOCK_UNTRUSTED"))
            #expect(await regions.read("u", through: 0)?.items.isEmpty == false)
            try await regions.sleep(.seconds(20))
            #expect(await regions.report(regions.makeEvent(), of: "u", through: 0, regions: 1).token != nil)
        }
    }
}
