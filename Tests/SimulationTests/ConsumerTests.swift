// S13 over whole regions: a group's cursor holds where its region died, and where it came back.

import MeridianProtocol
import MeridianSimulation
import Testing

@Suite struct ConsumerTests {
    /// Reports `count` events of one user through `region`, each held by the other region too.
    private static func report(
        _ count: Int, through region: Int, _ regions: RegionScript, everywhere: Bool = true
    ) async -> [Meridian_V1_Interaction] {
        var events: [Meridian_V1_Interaction] = []
        for number in 0..<count {
            let event = regions.makeEvent(of: "c\(number % 3)")
            let outcome = await regions.report(
                event, of: "user-\(number % 5)", through: region, regions: everywhere ? 1 : 0)
            #expect(outcome.token != nil, "\(outcome)")
            events.append(event)
        }
        return events
    }

    private static func expect(
        _ events: [Meridian_V1_Interaction], _ heard: HeardEffects?, _ what: Comment
    ) throws -> HeardEffects {
        let heard = try #require(heard, what)
        #expect(heard.ids.count == events.count && Set(heard.ids) == Set(events.map(\.id)), what)
        return heard
    }

    @Test(arguments: 1...4 as ClosedRange<UInt64>)
    func aGroupFollowsItsUsersToAnotherRegionAndBack(seed: UInt64) throws {
        let report = try RegionScript.run(regions: 2, seed: seed) { regions in
            let first = await Self.report(12, through: 0, regions)
            var heard = try Self.expect(first, await regions.hear(first, in: 0, group: "g"), "the first")
            // A copy in the other region's log has no effect (S5), and what follows waits for nobody.
            for (number, event) in first.prefix(3).enumerated() {
                await regions.report(event, of: "user-\(number)", through: 1)
            }
            let second = await Self.report(6, through: 0, regions)
            regions.crash(0)
            heard = try Self.expect(
                second, await regions.hear(second, in: 1, group: "g", from: heard.cursor), "after the region's death")
            let third = await Self.report(4, through: 1, regions, everywhere: false)
            heard = try Self.expect(third, await regions.hear(third, in: 1, group: "g"), "where it committed")
            regions.start(0)
            await regions.converge()
            let fourth = await Self.report(4, through: 0, regions)
            heard = try Self.expect(
                fourth, await regions.hear(fourth, in: 0, group: "g", from: heard.cursor), "back in the first region")
            let lag = await regions.lag(of: "g", in: 1)
            #expect((lag?.lagEvents ?? 0) >= 4, "the region that it left counts what it did not commit there")
        }
        #expect(report.violations.isEmpty, "\(report.violations.map(\.description))")
    }

    /// Its own region's cursor is older: repetitions, and nothing is missed.
    @Test func aGroupThatGoesOnWithAnOldCursorHearsAllOfItAgain() throws {
        let report = try RegionScript.run(regions: 2) { regions in
            let first = await Self.report(5, through: 0, regions)
            _ = try Self.expect(first, await regions.hear(first, in: 0, group: "g"), "in the first region")
            regions.crash(0)
            let second = await Self.report(5, through: 1, regions, everywhere: false)
            _ = try Self.expect(
                first + second, await regions.hear(first + second, in: 1, group: "g"), "a region that is new to it")
        }
        #expect(report.violations.isEmpty, "\(report.violations.map(\.description))")
    }
}
