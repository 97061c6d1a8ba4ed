// S4: ids grow, whatever the clock does, and none is made twice.

import ClusterModel
import NodeEnvironment
import Testing

@testable import MeridianClient

@Suite struct EventIDSourceTests {
    @Test(arguments: 1...20 as ClosedRange<UInt64>)
    func s4IDsGrowOnAClockThatJumps(seed: UInt64) {
        var generator = SeededGenerator(seed: seed)
        var source = EventIDSource(client: 7)
        var last = EventID(time: 0, client: 7)
        for _ in 0..<2_000 {
            let id = source.next(at: WallTime(milliseconds: 1_700_000_000_000 + generator.next() % 50))
            #expect(id > last, "seed \(seed)")
            last = id
        }
    }

    @Test func s4AFullMillisecondRunsIntoTheNext() {
        var source = EventIDSource(client: 7)
        let now = WallTime(milliseconds: 1_700_000_000_000)
        var ids: Set<UInt64> = []
        for _ in 0..<70_000 { ids.insert(source.next(at: now).time) }
        #expect(ids.count == 70_000)
        #expect(source.next(at: now).wallTime.milliseconds == now.milliseconds + 1)
    }

    @Test func s4TheNextIDLiesAboveWhatWasSeen() {
        var source = EventIDSource(client: 7)
        let seen = EventID(at: WallTime(milliseconds: 5_000), sequence: 9, client: 1)
        source.onSeen(seen)
        #expect(source.next(at: WallTime(milliseconds: 1_000)).time == seen.time + 1)
    }

    @Test func s4ARestartIsAnotherClient() {
        var source = EventIDSource(client: 7)
        _ = source.next(at: WallTime(milliseconds: 9_000_000))
        source.restart(client: 8)
        let id = source.next(at: WallTime(milliseconds: 1_000))
        #expect(id.client == 8)
        #expect(id.wallTime.milliseconds == 1_000)
    }
}
