// Rows of HISTORIES about one region's processes and starts, through whole nodes: 28, and S1b's start that opens nothing.

import MeridianProtocol
import MeridianSimulation
import SimulatedEnvironment
import Testing

@Suite struct TwoProcessesHistoryTests {
    @Test(
        "HISTORIES 28, S1a: two processes of one region at once; the line that nobody heard begins below what all know of it",
        arguments: 1...2)
    func history28(seed: UInt64) throws {
        let events = Shared<[Meridian_V1_Interaction]>()
        let report = try RegionScript.run(regions: 3, seed: seed, bounds: .trimming) { regions in
            var sent: [Meridian_V1_Interaction] = []
            func send() async {
                let event = regions.makeEvent()
                let outcome = await regions.report(event, of: "u\(sent.count)", through: 0, regions: 2)
                #expect(outcome.token != nil, "\(outcome)")
                sent.append(event)
            }
            for _ in 0..<3 { await send() }
            // A copy that hears nobody begins a line of its own; the region goes on beside it.
            let twin = regions.startTwin(of: 0, asCopy: true, isAlone: true)
            for _ in 0..<12 {
                await send()
                try await regions.sleep(.milliseconds(250))
            }
            let image = twin.disk.image()
            twin.kill()
            // The copy's disk is the one that stays.
            regions.replaceDisk(of: 0, by: image)
            regions.heal()
            regions.start(0)
            #expect(await regions.converge())
            await send()
            events.set(sent)
        } afterwards: { regions in
            for event in try #require(events.value) {
                for region in 0..<3 { #expect(regions.copies(of: event, in: region) == 1) }
            }
        }
        #expect(report.violations.isEmpty, "\(report.violations.map(\.description))")
        #expect(report.rarePaths[.lineBesideItself] ?? 0 > 0, "nobody refused an opening")
        #expect(report.rarePaths[.bootstrapped] ?? 0 > 0, "nobody went on from a snapshot")
    }

    @Test(
        "S1a, HISTORIES 9: a writer that hears a higher number of its own line begins again above it",
        arguments: 1...2)
    func aWriterIsOutrun(seed: UInt64) throws {
        let report = try RegionScript.run(regions: 3, seed: seed) { regions in
            let old = regions.diskImage(of: 0)
            // A start whose clock is ahead; then the disk goes back, and nobody can be asked.
            regions.crash(0)
            regions.clock(of: 0).jumpWallClock(by: .seconds(8))
            regions.start(0)
            try await regions.sleep(.seconds(2))
            regions.crash(0)
            regions.clock(of: 0).correct()
            regions.cut(0, 1)
            regions.cut(0, 2)
            regions.replaceDisk(of: 0, by: old)
            regions.start(0)
            try await regions.sleep(.seconds(3))
            #expect(regions.outruns(of: 0) == 0 && regions.outcome(0) == nil)
            regions.heal()
            #expect(await regions.converge())
            #expect(regions.outruns(of: 0) == 1 && regions.outcome(0) == nil)
            // It goes on above those stamps too, and takes writes once the clock is there (S2).
            try await regions.sleep(.seconds(10))
            #expect(await regions.report(regions.makeEvent(), of: "u", through: 0, regions: 2).token != nil)
        }
        // The judge looks at the disk while the clock that was ahead is right.
        let violations = report.violations.map(\.description).filter { !$0.contains("in the future") }
        #expect(violations.isEmpty, "\(violations)")
    }

    @Test("S1b: a start among too many serves reads and mirrors, refuses writes by name, and opens by itself")
    func aStartAmongTooManyServesReads() throws {
        var bounds = RegionBounds.trimming
        bounds.unsettledLimit = 8
        let report = try RegionScript.run(regions: 3, bounds: bounds) { regions in
            #expect(await regions.publish("c1", through: 0))
            #expect(await regions.report(regions.makeEvent(), of: "u", through: 0, regions: 2).token != nil)
            regions.crash(1)
            // Nobody seals while one is away: no start settles.
            for _ in 0..<8 {
                regions.crash(0)
                regions.start(0)
                try await regions.sleep(.seconds(1))
            }
            let refused = await regions.report(regions.makeEvent(), of: "u", through: 0)
            #expect(refused == .failed("STARTS_UNSETTLED"))
            #expect(await !regions.publish("c2", through: 0))
            #expect(await regions.read("u", through: 0)?.items.contains { $0.contentID == "c1" } == true)
            // It mirrors: what another region takes is counted here.
            let before = await regions.clicks(on: "c1", in: 0)
            #expect(await regions.report(regions.makeEvent(), of: "v", through: 2).token != nil)
            try await regions.sleep(.seconds(2))
            #expect(await regions.clicks(on: "c1", in: 0) == (before ?? 0) + 1)
            let alarms = await regions.alarms(of: 0)
            #expect(alarms.contains { $0.contains("writes are refused") && $0.contains("region sim-2") }, "\(alarms)")
            regions.start(1)
            #expect(await regions.converge())
            #expect(await regions.report(regions.makeEvent(), of: "u", through: 0, regions: 2).token != nil)
        }
        #expect(report.violations.isEmpty, "\(report.violations.map(\.description))")
    }
}
