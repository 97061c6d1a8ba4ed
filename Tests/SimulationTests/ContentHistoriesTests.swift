// HISTORIES 1 to 7 with content in place of events, and 32: agreed ends hold for every topic (S1a). Row 3 is about ids and
// times, which content has none of; row 8 about replay.

import MeridianProtocol
import MeridianSimulation
import Testing

/// Every scenario ends like one of events: all regions' catalogues are those of their logs up to the agreed ends.
@Suite struct ContentHistoriesTests {
    /// How long content has to follow, once events have converged.
    private static let following = Duration.seconds(3)

    private static func play(
        regions: Int, expecting held: [String], missing: [String] = [],
        _ script: @escaping @Sendable (RegionScript) async throws -> Void
    ) throws {
        let report = try RegionScript.run(regions: regions) { story in
            try await script(story)
            #expect(await story.converge())
            try await story.sleep(following)
            for region in 0..<regions {
                for item in held { #expect(await story.serves(item, in: region) == true, "\(item), region \(region)") }
                for item in missing {
                    #expect(await story.serves(item, in: region) == false, "\(item), region \(region)")
                }
            }
        } afterwards: { story in
            for region in 0..<regions {
                for item in held { #expect(story.item(item, in: region) != nil, "\(item), region \(region)") }
                for item in missing { #expect(story.item(item, in: region) == nil, "\(item), region \(region)") }
            }
        }
        #expect(report.violations.isEmpty, "\(report.violations.map(\.description))")
    }

    @Test("HISTORIES 1, 32: an item on a disk that comes back after its end was agreed is served by nobody")
    func row01() throws {
        try Self.play(regions: 3, expecting: ["kept"], missing: ["tail"]) { regions in
            #expect(await regions.publish("kept", through: 1))
            try await regions.sleep(.seconds(1))
            regions.cut(0, 1)
            regions.cut(0, 2)
            #expect(await regions.publish("tail", through: 0))
            let old = regions.diskImage(of: 0)
            regions.replaceDisk(of: 0)
            regions.heal()
            regions.start(0)
            #expect(await regions.converge())
            regions.replaceDisk(of: 0, by: old)
            regions.start(0)
        }
    }

    @Test("HISTORIES 2: an item of a region that restarts on a copy comes back from whoever holds it") func row02()
        throws
    {
        try Self.play(regions: 3, expecting: ["mirrored", "late"]) { regions in
            let copy = regions.diskImage(of: 1)
            regions.cut(1, 2)
            #expect(await regions.publish("mirrored", through: 1))
            try await regions.sleep(.seconds(1))
            regions.crash(2)
            regions.heal()
            regions.replaceDisk(of: 1, by: copy)
            regions.start(1)
            try await regions.sleep(.seconds(2))
            #expect(await regions.publish("late", through: 1))
            regions.start(2)
        }
    }

    @Test("HISTORIES 4, 32: an old disk opens a line above the agreed end; what it publishes then is served everywhere")
    func row04() throws {
        try Self.play(regions: 2, expecting: ["late"], missing: ["tail"]) { regions in
            regions.cut(0, 1)
            #expect(await regions.publish("tail", through: 1))
            let old = regions.diskImage(of: 1)
            regions.replaceDisk(of: 1)
            regions.heal()
            regions.start(1)
            #expect(await regions.converge())
            regions.cut(0, 1)
            regions.replaceDisk(of: 1, by: old)
            regions.start(1)
            try await regions.sleep(.seconds(1))
            #expect(await regions.publish("late", through: 1))
            regions.heal()
        }
    }

    @Test("HISTORIES 5, 32: a tail that was served from an old disk after its end was agreed is taken back")
    func row05() throws {
        try Self.play(regions: 3, expecting: [], missing: ["tail"]) { regions in
            let third = regions.diskImage(of: 2)
            regions.cut(1, 0)
            regions.cut(1, 2)
            #expect(await regions.publish("tail", through: 1))
            let old = regions.diskImage(of: 1)
            regions.replaceDisk(of: 1)
            regions.heal()
            regions.start(1)
            #expect(await regions.converge())
            regions.replaceDisk(of: 1, by: old)
            regions.replaceDisk(of: 2, by: third)
            regions.cut(0, 1)
            regions.cut(0, 2)
            regions.start(1)
            regions.start(2)
            try await regions.sleep(.seconds(3))
            #expect(await regions.serves("tail", in: 1) == true, "the old disk's tail is applied there")
            regions.heal()
        }
    }

    @Test("HISTORIES 6: agreed ends of content reach a region that seals on an old copy") func row06() throws {
        try Self.play(regions: 3, expecting: [], missing: ["tail"]) { regions in
            let third = regions.diskImage(of: 2)
            regions.cut(1, 0)
            regions.cut(1, 2)
            #expect(await regions.publish("tail", through: 1))
            let old = regions.diskImage(of: 1)
            regions.replaceDisk(of: 1)
            regions.heal()
            regions.start(1)
            #expect(await regions.converge())
            regions.replaceDisk(of: 1, by: old)
            regions.start(1)
            regions.replaceDisk(of: 2, by: third)
            regions.start(2)
        }
    }

    @Test("HISTORIES 7: two regions that were cut off from each other serve both items") func row07() throws {
        try Self.play(regions: 2, expecting: ["item-0", "item-1"]) { regions in
            regions.cut(0, 1)
            for region in 0..<2 { #expect(await regions.publish("item-\(region)", through: region)) }
            try await regions.sleep(.seconds(5))
            regions.heal()
        }
    }
}
