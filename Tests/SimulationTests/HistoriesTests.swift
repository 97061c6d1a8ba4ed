// Histories that broke earlier forms of the rules, driven through whole nodes: each row of the table by its number.
//
// The same rows in their smallest form, on pure values, stand elsewhere: 3, 4, 5 and 17 in OriginLinesTests and
// LineageTests, 9 in IncarnationPlanTests, 11, 13 and 14 in ShardStateTests and TwoRegionTests, 15 in TimeTests and
// ShardCoreTests, 16 in CursorTableTests, 19 in ClockGuardTests; 18 is JournalTests' and FencedNodeScenario's.

import Foundation
import MergeableState
import MeridianProtocol
import MeridianSimulation
import Personalization
import SimulatedEnvironment
import Testing

/// Every scenario ends like a drawn run: all heals, all regions show one digest, the state is each event once, what was
/// acknowledged is there, exactly the lost places are answered LOST_TAIL (S1, S5, S6, S10, S11, S12).
@Suite struct HistoriesTests {
    /// Longer than R + 2D and one slice of the id index, so that ids of before are forgotten.
    private static let forgetting = Duration.seconds(24)

    /// For people who follow one row: MERIDIAN_TRACE=1 swift test --filter row05.
    private static let printsTrace = ProcessInfo.processInfo.environment["MERIDIAN_TRACE"] != nil

    private static func play(
        regions: Int, seed: UInt64 = 1, _ script: @escaping @Sendable (RegionScript) async throws -> Void,
        afterwards: @Sendable (RegionScript) throws -> Void = { _ in }
    ) throws {
        let report = try RegionScript.run(
            regions: regions, seed: seed, keepsTrace: printsTrace, script, afterwards: afterwards)
        if printsTrace { for line in report.trace { print(line) } }
        #expect(report.violations.isEmpty, "\(report.violations.map(\.description))")
    }

    @Test("HISTORIES 1, S1a: a disk with an event comes back after the event was counted elsewhere and forgotten")
    func row01() throws {
        let event = Shared<Meridian_V1_Interaction>()
        try Self.play(regions: 3) { regions in
            let event = event.set(regions.makeEvent())
            regions.cut(0, 1)
            regions.cut(0, 2)
            #expect(await regions.report(event, of: "u", through: 0).token != nil)
            #expect(await regions.report(event, of: "u", through: 1).token != nil)
            let old = regions.diskImage(of: 0)
            regions.replaceDisk(of: 0)
            regions.heal()
            regions.start(0)
            #expect(await regions.converge())
            try await regions.sleep(Self.forgetting)
            for region in 0..<3 { #expect(await regions.indexedIDs(of: region) == 0) }
            regions.replaceDisk(of: 0, by: old)
            regions.start(0)
            #expect(await regions.converge())
        } afterwards: { regions in
            let event = try #require(event.value)
            // It stands on the disk that came back, beyond an end of 0, and counts where it was admitted again.
            #expect(regions.copies(of: event, in: 0, cut: false) == 2)
            #expect(regions.copies(of: event, in: 0) == 1)
        }
    }

    @Test("HISTORIES 2, S1a: a region restarts on a copy of its disk while another is down") func row02() throws {
        let event = Shared<Meridian_V1_Interaction>()
        try Self.play(regions: 3) { regions in
            let copy = regions.diskImage(of: 1)
            regions.cut(1, 2)
            let event = event.set(regions.makeEvent())
            #expect(await regions.report(event, of: "u", through: 1, regions: 1).token != nil)
            regions.crash(2)
            regions.heal()
            regions.replaceDisk(of: 1, by: copy)
            regions.start(1)
            // No agreement without the third; then all take what the first has.
            try await regions.sleep(.seconds(2))
            #expect(await regions.report(regions.makeEvent(), of: "u", through: 1).token != nil)
            regions.start(2)
            #expect(await regions.converge())
        } afterwards: { regions in
            let event = try #require(event.value)
            for region in 0..<3 { #expect(regions.copies(of: event, in: region) == 1) }
        }
    }

    @Test("HISTORIES 3, S2: a new line is heard before the old one by a region that lost its ids", arguments: 1...3)
    func row03(seed: UInt64) throws {
        try Self.play(regions: 3, seed: seed) { regions in
            let event = regions.makeEvent()
            regions.cut(0, 1)
            #expect(await regions.report(event, of: "u", through: 0).token != nil)
            #expect(await regions.report(event, of: "u", through: 1).token != nil)
            regions.heal()
            #expect(await regions.converge())
            try await regions.sleep(Self.forgetting)
            regions.replaceDisk(of: 0)
            regions.replaceDisk(of: 2)
            regions.start(0)
            try await regions.sleep(.milliseconds(Int64(seed * 40)))
            regions.start(2)
            #expect(await regions.converge())
        }
    }

    @Test("HISTORIES 4, S1a: an old disk opens a line above the agreed end of the one before") func row04() throws {
        let late = Shared<Meridian_V1_Interaction>()
        try Self.play(regions: 2) { regions in
            regions.cut(0, 1)
            #expect(await regions.report(regions.makeEvent(), of: "u", through: 1).token != nil)
            let old = regions.diskImage(of: 1)
            regions.replaceDisk(of: 1)
            regions.heal()
            regions.start(1)
            #expect(await regions.converge())
            regions.cut(0, 1)
            regions.replaceDisk(of: 1, by: old)
            regions.start(1)
            try await regions.sleep(.seconds(1))
            #expect(await regions.report(late.set(regions.makeEvent()), of: "u", through: 1).token != nil)
            regions.heal()
            #expect(await regions.converge())
        } afterwards: { regions in
            let event = try #require(late.value)
            for region in 0..<2 { #expect(regions.copies(of: event, in: region) == 1) }
        }
    }

    @Test("HISTORIES 5, S1a: a region applied a tail from an old disk after its end was agreed") func row05() throws {
        let tail = Shared<Meridian_V1_Interaction>()
        try Self.play(regions: 3) { regions in
            let third = regions.diskImage(of: 2)
            regions.cut(1, 0)
            regions.cut(1, 2)
            #expect(await regions.report(tail.set(regions.makeEvent()), of: "u", through: 1).token != nil)
            let old = regions.diskImage(of: 1)
            regions.replaceDisk(of: 1)
            regions.heal()
            regions.start(1)
            #expect(await regions.converge())
            // Both come back from before the agreement, and the one that knows of it cannot say so.
            regions.replaceDisk(of: 1, by: old)
            regions.replaceDisk(of: 2, by: third)
            regions.cut(0, 1)
            regions.cut(0, 2)
            regions.start(1)
            regions.start(2)
            try await regions.sleep(.seconds(3))
            #expect(await regions.indexedIDs(of: 1) == 1, "the old disk's tail is applied there")
            regions.heal()
            #expect(await regions.converge())
        } afterwards: { regions in
            let event = try #require(tail.value)
            for region in 0..<3 { #expect(regions.copies(of: event, in: region) == 0) }
            #expect(regions.copies(of: event, in: 1, cut: false) == 1)
        }
    }

    @Test("HISTORIES 6, S1a: agreed ends reach a region that seals on an old copy") func row06() throws {
        try Self.play(regions: 3) { regions in
            let third = regions.diskImage(of: 2)
            regions.cut(1, 0)
            regions.cut(1, 2)
            #expect(await regions.report(regions.makeEvent(), of: "u", through: 1).token != nil)
            let old = regions.diskImage(of: 1)
            regions.replaceDisk(of: 1)
            regions.heal()
            regions.start(1)
            #expect(await regions.converge())
            regions.replaceDisk(of: 1, by: old)
            regions.start(1)
            regions.replaceDisk(of: 2, by: third)
            regions.start(2)
            #expect(await regions.converge())
        }
    }

    @Test("B11, S1a: while a region starts, its mesh serves nothing beyond the ends that its disk knows of")
    func aStartingRegionServesNothingBeyondAgreedEnds() throws {
        let tail = Shared<Meridian_V1_Interaction>()
        try Self.play(regions: 3) { regions in
            let third = regions.diskImage(of: 2)
            regions.cut(1, 0)
            regions.cut(1, 2)
            #expect(await regions.report(tail.set(regions.makeEvent()), of: "u", through: 1).token != nil)
            let old = regions.diskImage(of: 1)
            regions.replaceDisk(of: 1)
            regions.heal()
            regions.start(1)
            #expect(await regions.converge())
            regions.replaceDisk(of: 1, by: old)
            regions.start(1)
            #expect(await regions.converge())
            // It holds the tail and knows its end; the third, on an old copy, knows nothing and hears nobody else. On a copy a
            // start waits, with its mesh open.
            let knowing = regions.diskImage(of: 1)
            regions.replaceDisk(of: 2, by: third)
            regions.replaceDisk(of: 1, by: knowing)
            regions.cut(0, 2)
            regions.start(2)
            try await regions.sleep(.seconds(1))
            regions.start(1)
            try await regions.sleep(.seconds(3))
            regions.heal()
            #expect(await regions.converge())
        } afterwards: { regions in
            let event = try #require(tail.value)
            #expect(regions.copies(of: event, in: 1, cut: false) == 1)
            #expect(regions.copies(of: event, in: 2, cut: false) == 0, "served from a mesh that knew better")
        }
    }

    @Test("HISTORIES 7, S5: two regions that were cut off from each other find no gap") func row07() throws {
        try Self.play(regions: 2) { regions in
            regions.cut(0, 1)
            for region in 0..<2 {
                #expect(await regions.report(regions.makeEvent(), of: "u", through: region).token != nil)
            }
            // Snapshots are written meanwhile; nothing may be trimmed that the other has not flushed.
            try await regions.sleep(Self.forgetting)
            regions.heal()
            #expect(await regions.converge())
            for region in 0..<2 { #expect(await regions.baseOffsets(of: region).allSatisfy { $0 == 0 }) }
        }
    }

    @Test("HISTORIES 9, S1: a restart with a slow clock and an empty disk numbers itself above its past") func row09()
        throws
    {
        try Self.play(regions: 2) { regions in
            #expect(await regions.report(regions.makeEvent(), of: "u", through: 0, regions: 1).token != nil)
            regions.replaceDisk(of: 0)
            regions.clock(of: 0).jumpWallClock(by: .seconds(-30))
            regions.start(0)
            try await regions.sleep(.seconds(3))
            // A clock that is set right has jumped: people start the node again, or reopen it.
            regions.crash(0)
            regions.clock(of: 0).correct()
            regions.start(0)
            #expect(await regions.converge())
            #expect(await regions.report(regions.makeEvent(), of: "u", through: 0, regions: 1).token != nil)
        }
    }

    @Test("HISTORIES 10, S6: power goes while events are applied ahead of the disk", arguments: 0..<6)
    func row10(step: Int) throws {
        try Self.play(regions: 2, seed: UInt64(step)) { regions in
            for round in 0..<30 {
                _ = await regions.report(regions.makeEvent(), of: "u\(round % 3)", through: 0, buffered: true)
                try await regions.sleep(.milliseconds(60))
            }
            regions.machine(0).cutPower(afterFileOperations: step * 3)
            _ = await regions.report(
                regions.makeEvent(), of: "u", through: 0, buffered: true, timeout: .milliseconds(500))
            try await regions.sleep(.seconds(3))
            regions.crash(0)
            // The disk is judged as it is: a snapshot that names more than is flushed breaks S6.
            regions.survey(0)
            regions.start(0)
        }
    }

    @Test("HISTORIES 11, S3: one profile write through two regions, around a newer one") func row11() throws {
        try Self.play(regions: 2) { regions in
            let (older, newer) = (regions.makeEvent().id, regions.makeEvent().id)
            regions.cut(0, 1)
            #expect(await regions.setLanguage("de", of: "u", id: older, through: 0))
            #expect(await regions.setLanguage("hi", of: "u", id: newer, through: 1))
            #expect(await regions.setLanguage("de", of: "u", id: older, through: 1))
            regions.heal()
        } afterwards: { regions in
            for region in 0..<2 { #expect(regions.user("u", in: region)?.language.value == "hi") }
        }
    }

    @Test("HISTORIES 12, S3: a click whose item changes its category between two regions") func row12() throws {
        try Self.play(regions: 2) { regions in
            #expect(await regions.publish("c1", category: "cricket", through: 0))
            try await regions.sleep(.seconds(1))
            let slate = try #require(await regions.read("u", through: 0))
            let item = try #require(slate.items.first)
            regions.cut(0, 1)
            #expect(await regions.publish("c1", category: "politics", through: 1))
            var event = regions.makeEvent(of: item.contentID)
            event.itemToken = item.itemToken
            #expect(await regions.report(event, of: "u", through: 0).token != nil)
            #expect(await regions.report(event, of: "u", through: 1).token != nil)
            regions.heal()
        } afterwards: { regions in
            let sums = (0..<2).map { regions.user("u", in: $0)?.categories }
            #expect(sums[0] != nil && sums[0] == sums[1])
        }
    }

    @Test("HISTORIES 13, S9: an erase in the middle of a bucket, events before, after and late") func row13() throws {
        try Self.play(regions: 2) { regions in
            let events = (0..<6).map { _ in regions.makeEvent() }
            #expect(await regions.report(events[0], of: "u", through: 0).token != nil)
            regions.cut(0, 1)
            #expect(await regions.report(events[1], of: "u", through: 1).token != nil)
            #expect(await regions.erase("u", through: 0))
            #expect(await regions.report(events[2], of: "u", through: 0).token != nil)
            #expect(await regions.report(events[3], of: "u", through: 1).token != nil)
            regions.heal()
            try await regions.sleep(.milliseconds(600))
            // Late: made before the cut, sent after it, through both.
            for region in 0..<2 { _ = await regions.report(events[4], of: "u", through: region) }
            try await regions.sleep(.milliseconds(500))
            #expect(await regions.report(regions.makeEvent(), of: "u", through: 1).token != nil)
        } afterwards: { regions in
            #expect(regions.user("u", in: 0) == regions.user("u", in: 1))
            #expect(regions.user("u", in: 0)?.actions.entries.count == 1)
        }
    }

    @Test("HISTORIES 14, S9: a withdrawal in one region, a concurrent grant in another") func row14() throws {
        try Self.play(regions: 2) { regions in
            regions.cut(0, 1)
            #expect(await regions.setConsent(false, of: "u", through: 0))
            #expect(await regions.setConsent(true, of: "u", through: 1))
            regions.heal()
        } afterwards: { regions in
            for region in 0..<2 { #expect(regions.user("u", in: region)?.consent.isGranted == false) }
        }
    }

    @Test("HISTORIES 31, S9: a repeated grant cancels no later withdrawal, a repeated erase covers no later event")
    func row31() throws {
        let kept = Shared<Meridian_V1_Interaction>()
        try Self.play(regions: 2) { regions in
            let (grant, withdrawal, erase) = (
                regions.makeEvent().id, regions.makeEvent().id, regions.makeEvent().id
            )
            #expect(await regions.setConsent(true, of: "u", id: grant, through: 0))
            #expect(await regions.setConsent(false, of: "u", id: withdrawal, through: 0))
            #expect(await regions.erase("v", id: erase, through: 0))
            try await regions.sleep(.milliseconds(1_200))
            #expect(await regions.report(kept.set(regions.makeEvent()), of: "v", through: 1).token != nil)
            try await regions.sleep(.milliseconds(300))
            for region in 0..<2 {
                #expect(await regions.setConsent(true, of: "u", id: grant, through: region))
                #expect(await regions.erase("v", id: erase, through: region))
            }
        } afterwards: { regions in
            for region in 0..<2 {
                #expect(regions.user("u", in: region)?.consent.isGranted == false)
                #expect(regions.user("v", in: region)?.actions.entries.count == 1)
            }
        }
    }

    @Test("HISTORIES 33, S12, S11: the token of a duplicate covers its first copy; remote is what is proven for it")
    func row33() throws {
        try Self.play(regions: 3) { regions in
            regions.cut(0, 2)
            regions.cut(1, 2)
            let event = regions.makeEvent()
            #expect(await regions.report(event, of: "u", through: 1, regions: 1).token != nil)
            try await regions.sleep(.seconds(1))
            let again = await regions.repeatedReport(event, of: "u", through: 0)
            #expect(again?.results.first?.outcome == .duplicate)
            let token = Array(again?.sessionToken ?? Data())
            // The third region lacks the event; the first one says nothing of what it cannot prove.
            #expect(await regions.read("u", through: 2, token: token)?.sessionSatisfied == false)
            let remote = await regions.report(event, of: "u", through: 0, regions: 2, timeout: .seconds(1))
            #expect(remote == .failed("REMOTE_NOT_REACHED"))
            regions.heal()
            #expect(await regions.converge())
            #expect(await regions.read("u", through: 2, token: token)?.sessionSatisfied == true)
        }
    }

    @Test("A3, FAULTS 3.10: popularity is what it was before a restart answers anybody", arguments: [false, true])
    func popularitySurvivesARestart(isClean: Bool) throws {
        try Self.play(regions: 2) { regions in
            #expect(await regions.publish("c1", through: 0))
            for place in 0..<60 {
                #expect(await regions.report(regions.makeEvent(), of: "u\(place)", through: 0).token != nil)
            }
            // Past a snapshot, so that nothing but counters is left of the clicks.
            try await regions.sleep(Self.forgetting)
            #expect(await regions.clicks(on: "c1", in: 0) == 60)
            if isClean { try await regions.stop(0) } else { regions.crash(0) }
            regions.start(0)
            var clicks: UInt64?
            while clicks == nil { clicks = await regions.clicks(on: "c1", in: 0) }
            #expect(clicks == 60)
            #expect(await regions.read("cold", through: 0)?.tier == .popular)
        }
    }

    @Test("HISTORIES 15, S4: ids of the year 2035 and of yesterday are refused in every region") func row15() throws {
        try Self.play(regions: 2) { regions in
            #expect(await regions.report(regions.makeEvent(), of: "u", through: 0).token != nil)
            for (time, reason) in [
                (UInt64(2_051_222_400_000), "EVENT_ID_TOO_NEW"), (1_699_913_600_000, "EVENT_ID_TOO_OLD"),
            ] {
                for region in 0..<2 {
                    var event = regions.makeEvent()
                    event.id.time = time << 16
                    #expect(await regions.report(event, of: "u", through: region) == .refused(reason))
                }
            }
        } afterwards: { regions in
            #expect(regions.user("u", in: 0)?.actions.entries.count == 1)
        }
    }

    @Test("HISTORIES 16, S11: what a mirror has pulled and not flushed is no acknowledgement") func row16() throws {
        try Self.play(regions: 2) { regions in
            #expect(await regions.report(regions.makeEvent(), of: "u", through: 0, regions: 1).token != nil)
            var faults = DiskFaults()
            faults.syncsBeforeFailure = 0
            regions.machine(1).disk.setFaults(faults)
            let outcome = await regions.report(
                regions.makeEvent(), of: "u", through: 0, regions: 1, timeout: .seconds(2))
            #expect(outcome == .failed("REMOTE_NOT_REACHED"))
            regions.machine(1).disk.setFaults(DiskFaults())
            regions.crash(1)
            regions.start(1)
            #expect(await regions.converge())
            #expect(await regions.report(regions.makeEvent(), of: "u", through: 0, regions: 1).token != nil)
        }
    }

    @Test("HISTORIES 17, S12: a token of a buffered record that died is LOST_TAIL, in every region", arguments: 1...4)
    func row17(seed: UInt64) throws {
        try Self.play(regions: 2, seed: seed) { regions in
            let outcome = await regions.report(regions.makeEvent(), of: "u", through: 0, buffered: true)
            regions.crash(0)
            let token = try #require(outcome.token)
            regions.start(0)
            #expect(await regions.converge())
            // Others write on the new line: none of their records meets the token.
            for _ in 0..<5 { _ = await regions.report(regions.makeEvent(), of: "u", through: 0) }
            #expect(await regions.converge())
            for region in 0..<2 {
                let reply = try #require(await regions.read("u", through: region, token: token))
                #expect(reply.lostTail, "seed \(seed), region \(region)")
            }
        }
    }

    @Test("HISTORIES 19, S2: of two regions only the one whose clock jumped refuses", arguments: [3_600, -3_600])
    func row19(seconds: Int) throws {
        try Self.play(regions: 2) { regions in
            regions.clock(of: 1).jumpWallClock(by: .seconds(seconds))
            // At once, before the guard has looked again, and later.
            for _ in 0..<3 {
                #expect(await regions.report(regions.makeEvent(), of: "u", through: 0).token != nil)
                let wild = await regions.report(
                    regions.makeEvent(), of: "u", through: 1, timeout: .milliseconds(300))
                #expect(wild == .failed("CLOCK_UNTRUSTED") || wild == .failed("deadline exceeded"), "\(wild)")
                try await regions.sleep(.milliseconds(400))
            }
            regions.clock(of: 1).correct()
            try await regions.sleep(.milliseconds(500))
            #expect(await regions.report(regions.makeEvent(), of: "u", through: 1).token != nil)
        }
    }
}
