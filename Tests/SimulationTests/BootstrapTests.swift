// Regions that lose their disks after the others have trimmed what they would need to fold from zero (S5, S1b): whole nodes, told
// and drawn. MERIDIAN_PROVE=1 runs many more seeds.

import Foundation
import MeridianProtocol
import MeridianSimulation
import NodeEnvironment
import SimulatedEnvironment
import Testing

@Suite struct BootstrapTests {
    private static let isProving = ProcessInfo.processInfo.environment["MERIDIAN_PROVE"] != nil
    private static let printsTrace = ProcessInfo.processInfo.environment["MERIDIAN_TRACE"] != nil

    /// Two partitions and the catalogue.
    private static let logsOfOne = 3

    @discardableResult
    private static func play(
        regions: Int, seed: UInt64, _ script: @escaping @Sendable (RegionScript) async throws -> Void,
        afterwards: @Sendable (RegionScript) throws -> Void = { _ in }
    ) throws -> ScenarioReport {
        let report = try RegionScript.run(
            regions: regions, seed: seed, bounds: .trimming, keepsTrace: printsTrace, script, afterwards: afterwards)
        if printsTrace { for line in report.trace { print(line) } }
        #expect(report.violations.isEmpty, "\(report.violations.map(\.description))")
        return report
    }

    /// Everybody has events, is restarted, and trims what stood before.
    private static func untilTrimmed(_ regions: RegionScript, _ count: Int) async throws {
        for round in 0..<12 {
            for region in 0..<count {
                _ = await regions.report(regions.makeEvent(of: "c\(round)"), of: "u\(round)", through: region)
            }
            _ = await regions.publish("c\(round)", category: "sport", through: round % count)
        }
        for region in 0..<count {
            regions.crash(region)
            regions.start(region)
            #expect(await regions.converge())
        }
        for round in 0..<120 {
            for region in 0..<count {
                _ = await regions.report(regions.makeEvent(of: "d\(round)"), of: "v\(round % 7)", through: region)
            }
            var isTrimmed = true
            for region in 0..<count {
                // What is settled leaves whole; of what is not a prefix goes.
                let bases = await regions.baseOffsets(of: region)
                let isSettled = !bases.isEmpty && bases.count <= Self.logsOfOne * count
                if !isSettled, !bases.contains(where: { $0 > 0 }) { isTrimmed = false }
            }
            if isTrimmed { return }
            try await regions.sleep(.milliseconds(500))
        }
        Issue.record("nothing was trimmed")
    }

    @Test("S5: a region whose disk is lost after the others trimmed comes back, and keeps what it took meanwhile")
    func aLostDiskComesBack() throws {
        let own = Shared<[Meridian_V1_Interaction]>()
        let report = try Self.play(regions: 3, seed: 11) { regions in
            try await Self.untilTrimmed(regions, 3)
            regions.replaceDisk(of: 0)
            regions.start(0)
            var events: [Meridian_V1_Interaction] = []
            for number in 0..<40 {
                let event = regions.makeEvent(of: "own\(number)")
                if await regions.report(event, of: "w\(number % 5)", through: 0).token != nil { events.append(event) }
                try await regions.sleep(.milliseconds(60))
            }
            #expect(events.count > 20)
            own.set(events)
            #expect(await regions.converge())
        } afterwards: { regions in
            for event in try #require(own.value) {
                for region in 0..<3 { #expect(regions.copies(of: event, in: region) == 1) }
            }
        }
        #expect(report.rarePaths[.bootstrapped] ?? 0 >= 3, "two partitions and the catalogue")
    }

    @Test("S5: killed on either side at random, a bootstrap goes on", arguments: 1...(isProving ? 60 : 4))
    func killedAndResumed(seed: Int) throws {
        let report = try Self.play(regions: 2 + seed % 2, seed: UInt64(5_000 + seed)) { regions in
            let count = 2 + seed % 2
            var generator = SeededGenerator(seed: UInt64(seed) &* 77)
            try await Self.untilTrimmed(regions, count)
            regions.replaceDisk(of: 0)
            regions.start(0)
            for number in 0..<6 {
                try await regions.sleep(.milliseconds(Int64(generator.next() % 900)))
                _ = await regions.report(
                    regions.makeEvent(of: "k\(number)"), of: "k\(number)", through: 0, timeout: .milliseconds(400))
                let region = Int(generator.next() % UInt64(count))
                if generator.next() % 2 == 0 {
                    regions.crash(region)
                } else {
                    regions.machine(region).cutPower(afterFileOperations: Int(generator.next() % 40))
                    try await regions.sleep(.milliseconds(300))
                    regions.crash(region)
                }
                regions.start(region)
            }
            #expect(await regions.converge())
        }
        #expect(report.rarePaths[.bootstrapped] ?? 0 > 0)
    }

    @Test("S5: an old disk whose missing prefix is trimmed everywhere bootstraps", arguments: 1...2)
    func anOldDiskComesBack(seed: Int) throws {
        let report = try Self.play(regions: 3, seed: UInt64(6_000 + seed)) { regions in
            _ = await regions.report(regions.makeEvent(), of: "u", through: 1)
            #expect(await regions.converge())
            let old = regions.diskImage(of: 0)
            try await Self.untilTrimmed(regions, 3)
            regions.replaceDisk(of: 0, by: old)
            regions.start(0)
            #expect(await regions.converge())
        }
        #expect(report.rarePaths[.bootstrapped] ?? 0 > 0)
    }

    @Test("S5: drawn runs in which everybody trims", arguments: 1...(isProving ? 200 : 3))
    func drawnRuns(seed: Int) {
        var size = RegionScenarioSize()
        size.regions = 2 + seed % 2
        size.strikes = 6
        size.bounds = .trimming
        size.faults = [.wipe, .oldDisk, .returningDisk, .kill, .powerCut]
        let report = RegionScenario(seed: UInt64(7_000 + seed), size: size).run()
        #expect(report.violations.isEmpty, "\(report.violations.map(\.description))")
    }
}
