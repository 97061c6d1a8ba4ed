// Processes that are refused: they say why, end, and change nothing anywhere (S1, HISTORIES 34).

import MeridianSimulation
import SimulatedEnvironment
import Testing

@Suite struct RefusedProcessTests {
    @Test(
        "HISTORIES 34, S1: a copy of a running disk is started for a second, without a call: refused, and nothing changes",
        arguments: [(false, UInt64(1)), (true, 2), (false, 3), (true, 4)])
    func row34(asCopy: Bool, seed: UInt64) throws {
        let report = try RegionScript.run(regions: 2, seed: seed) { regions in
            for _ in 0..<3 {
                #expect(await regions.report(regions.makeEvent(), of: "u", through: 0, regions: 1).token != nil)
            }
            let twin = regions.startTwin(of: 0, asCopy: asCopy)
            try await regions.sleep(.seconds(1))
            // The region's log flows on, while the other process is there and after it.
            for _ in 0..<3 {
                #expect(await regions.report(regions.makeEvent(), of: "u", through: 0, regions: 1).token != nil)
            }
            try await regions.sleep(.seconds(10))
            if case .failure(let error)? = twin.currentTask?.outcome {
                #expect("\(error)".contains("another process is this region"), "\(error)")
                #expect("\(error)".contains("Runbooks/region-claimed.md"), "\(error)")
            } else {
                Issue.record("the second process goes on: seed \(seed)")
            }
            for _ in 0..<3 {
                #expect(await regions.report(regions.makeEvent(), of: "u", through: 0, regions: 1).token != nil)
            }
            twin.kill()
        }
        #expect(report.violations.isEmpty, "\(report.violations.map(\.description))")
    }

    /// The claim of a process that died is no reason to end: its successor waits until it is old.
    @Test("S1: a region whose process died at any moment starts again and serves", arguments: 0..<6 as Range<UInt64>)
    func aDeadClaimIsWaitedFor(seed: UInt64) throws {
        let report = try RegionScript.run(regions: 2, seed: seed) { regions in
            for round in 0..<3 {
                _ = await regions.report(regions.makeEvent(), of: "u", through: 0)
                try await regions.sleep(.milliseconds(Int64(37 * seed) + Int64(round)))
                regions.crash(0)
                regions.start(0)
                try await regions.sleep(.milliseconds(Int64(20 + 55 * seed)))
                // Perhaps in the middle of its start.
                regions.crash(0)
                regions.start(0)
                #expect(await regions.converge())
                #expect(regions.outcome(0) == nil)
            }
        }
        #expect(report.violations.isEmpty, "\(report.violations.map(\.description))")
    }

    @Test("C19, S2: a peer that refuses a first start is named, once, on both sides")
    func aRefusalIsNamedOnce() throws {
        let outcome = try RefusedRegionScenario(seed: 1).run()
        #expect(outcome.end.contains("the clock cannot be trusted"), "\(outcome.end)")
        #expect(outcome.end.contains("region there refuses"), "\(outcome.end)")
        #expect(outcome.end.contains("is no node of a configured region"), "\(outcome.end)")
        let told = outcome.starting.filter { $0.contains("waiting for a peer region") }
        #expect(told.count == 1 && told[0].contains("is no node of a configured region"), "\(told)")
        let refused = outcome.refusing.filter { $0.contains("a caller on the mesh is refused") }
        #expect(refused.count == 1 && refused[0].contains("meridian://simulated/here/n1"), "\(refused)")
        #expect(outcome.starting.count < 20 && outcome.refusing.count < 20)
    }
}
