// HISTORIES 23, 24, 27, 29 and 30 through whole nodes: floors, bases and old disks (S1b). MERIDIAN_PROVE=1 plays row 30 at its
// full length. Row 25 stands in FollowerTests, 26 in LineageHistoriesTests, 28 in TwoProcessesHistoryTests.

import Foundation
import MeridianProtocol
import MeridianSimulation
import SimulatedEnvironment
import Testing

@Suite struct LineageHistoryTests {
    private static let isProving = ProcessInfo.processInfo.environment["MERIDIAN_PROVE"] != nil

    @discardableResult
    private static func play(
        regions: Int, seed: UInt64, _ script: @escaping @Sendable (RegionScript) async throws -> Void,
        afterwards: @Sendable (RegionScript) throws -> Void = { _ in }
    ) throws -> ScenarioReport {
        let report = try RegionScript.run(
            regions: regions, seed: seed, bounds: .trimming, script, afterwards: afterwards)
        #expect(report.violations.isEmpty, "\(report.violations.map(\.description))")
        return report
    }

    @Test(
        "HISTORIES 23, S1b: a member that lost no disk never has to bootstrap, however far the others' floors could go",
        arguments: 1...2)
    func history23FloorsWaitForEverySnapshot(seed: UInt64) throws {
        let report = try Self.play(regions: 3, seed: 2_300 + seed) { regions in
            for round in 0..<3 {
                #expect(await regions.report(regions.makeEvent(), of: "u", through: 0, regions: 2).token != nil)
                regions.crash(0)
                regions.start(0)
                // It has applied the record, and no snapshot of it stands on that: the others publish theirs meanwhile.
                #expect(try await regions.awaitEnds(of: 0, on: 2))
                regions.crash(2)
                try await regions.sleep(.seconds(4 + Int64(round)))
                regions.start(2)
                #expect(await regions.converge())
            }
        }
        #expect(report.rarePaths[.bootstrapped] == nil, "a member with its disk had to bootstrap")
    }

    @Test(
        "HISTORIES 24, S1b: event, restart, sync, restart: the acknowledged event is there, since bases come from published snapshots",
        arguments: 1...3)
    func history24BasesComeFromPublishedSnapshots(seed: UInt64) throws {
        let event = Shared<Meridian_V1_Interaction>()
        try Self.play(regions: 2, seed: 2_400 + seed) { regions in
            let sent = event.set(regions.makeEvent())
            #expect(await regions.report(sent, of: "u", through: 0).token != nil)
            regions.crash(0)
            regions.start(0)
            #expect(try await regions.awaitEnds(of: 0, on: 0))
            try await regions.sleep(.milliseconds(Int64(seed - 1) * 40))
            for region in 0..<2 {
                regions.crash(region)
                regions.start(region)
            }
            #expect(await regions.converge())
            #expect(await regions.clicks(on: "c1", in: 0) == 1)
            #expect(await regions.clicks(on: "c1", in: 1) == 1)
        }
    }

    /// Restarts each region once, and waits until what stood before has left everywhere.
    private static func moveFloors(_ regions: RegionScript, _ count: Int) async throws {
        for region in 0..<count {
            _ = await regions.report(regions.makeEvent(), of: "u\(region)", through: region)
            regions.crash(region)
            regions.start(region)
            #expect(await regions.converge())
            try await regions.sleep(.milliseconds(2_500))
        }
    }

    @Test(
        "HISTORIES 27, S1b: a member asks a bootstrapped server for old bytes, hears GAP, and all converge",
        arguments: 1...2)
    func history27ABootstrappedServerSaysGap(seed: UInt64) throws {
        let report = try Self.play(regions: 3, seed: 2_700 + seed) { regions in
            let old = regions.diskImage(of: 2)
            for _ in 0..<2 { try await Self.moveFloors(regions, 3) }
            // What serves from now on holds nothing of before; the other source is gone.
            regions.replaceDisk(of: 1)
            regions.start(1)
            #expect(await regions.converge())
            try await regions.sleep(.seconds(3))
            regions.crash(0)
            regions.replaceDisk(of: 2, by: old)
            regions.start(2)
            try await regions.sleep(.seconds(5))
            regions.start(0)
            #expect(await regions.converge())
        }
        #expect(report.rarePaths[.bootstrapped] ?? 0 > 0)
    }

    @Test(
        "HISTORIES 29, S1b: an old disk, many floors below, crashes after it heard the floor; it bootstraps",
        arguments: 1...(isProving ? 20 : 2))
    func history29AnOldDiskFarBelowCrashes(seed: Int) throws {
        let report = try Self.play(regions: 3, seed: UInt64(2_900 + seed)) { regions in
            // A tail that nobody else has comes back with it.
            regions.cut(0, 1)
            regions.cut(0, 2)
            _ = await regions.report(regions.makeEvent(of: "tail"), of: "t", through: 0)
            let old = regions.diskImage(of: 0)
            regions.heal()
            for _ in 0..<(Self.isProving ? 34 : 3) { try await Self.moveFloors(regions, 3) }
            regions.replaceDisk(of: 0, by: old)
            for crash in 0..<3 {
                regions.start(0)
                try await regions.sleep(.milliseconds(Int64(60 + 130 * seed + 170 * crash)))
                regions.crash(0)
            }
            regions.start(0)
            #expect(await regions.converge())
        }
        #expect(report.rarePaths[.bootstrapped] ?? 0 > 0)
    }

    @Test(
        "HISTORIES 30, S1b: an origin that loses its disk at every fifth start, a member that is down for long: tables settle again"
    )
    func history30TablesSettleAgain() throws {
        let restarts = Self.isProving ? 300 : 15
        try Self.play(regions: 3, seed: 3_000) { regions in
            let before = await regions.baseOffsets(of: 1).count
            regions.crash(2)
            for restart in 1...restarts {
                if restart % 5 == 0 { regions.replaceDisk(of: 0) } else { regions.crash(0) }
                regions.start(0)
                try await regions.sleep(.milliseconds(700))
            }
            let peak = await regions.baseOffsets(of: 1).count
            #expect(peak >= before + restarts - 1, "nothing settles while one is away")
            regions.start(2)
            #expect(await regions.converge())
            // Two snapshots of each region later all of it has left.
            var settled = peak
            for _ in 0..<20 where settled > before + 6 {
                try await regions.sleep(.seconds(1))
                settled = await regions.baseOffsets(of: 1).count
            }
            #expect(settled <= before + 6, "\(before), \(peak), \(settled)")
        }
    }

    @Test("HISTORIES 30, S1b: the tables of a sole region stay as they are over many restarts")
    func history30ASoleRegion() throws {
        let restarts = Self.isProving ? 2_000 : 30
        try Self.play(regions: 1, seed: 3_001) { regions in
            var peak = 0
            for restart in 1...restarts {
                if restart % 2 == 0 { regions.crash(0) } else { try await regions.stop(0) }
                regions.start(0)
                #expect(await regions.report(regions.makeEvent(), of: "u", through: 0).token != nil)
                try await regions.sleep(.milliseconds(2_500))
                peak = max(peak, await regions.baseOffsets(of: 0).count)
            }
            // Two partitions and the catalogue; the model's peak is two of each.
            #expect(peak <= 3 * 3, "\(peak)")
        }
    }
}
