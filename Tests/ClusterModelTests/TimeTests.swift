// Stamps, ids and the relations between the time constants.

import ClusterModel
import Testing

@Suite struct TimeTests {
    /// S2: stamps of a line never decrease, whatever the wall clock does.
    @Test func stampsGrowThroughClockJumps() {
        var clock = HybridClock(above: HybridStamp(at: WallTime(milliseconds: 5_000)))
        var last = clock.latest
        for now in [10_000, 10_000, 9_000, 3_600_000, 1, 10_000, 10_001] as [UInt64] {
            let stamp = clock.stamp(at: WallTime(milliseconds: now))
            #expect(stamp > last)
            last = stamp
        }
    }

    @Test func counterCarriesIntoMilliseconds() {
        var clock = HybridClock()
        let now = WallTime(milliseconds: 7)
        for _ in 0...UInt64(UInt16.max) { _ = clock.stamp(at: now) }
        #expect(clock.stamp(at: now).wallTime == WallTime(milliseconds: 8))
    }

    /// S4: stamp - R < id time <= stamp + F; HISTORIES 15.
    @Test func theDoorRefusesAndNeverClamps() {
        let bounds = TimeBounds.standard
        let stamp = HybridStamp(at: WallTime(milliseconds: 1_700_000_000_000), counter: 9)
        func verdict(_ offset: Int64) -> EventIDVerdict {
            let time = stamp.wallTime.advanced(by: .milliseconds(offset))
            return bounds.verdict(on: EventID(at: time, sequence: 3, client: 1), at: stamp)
        }
        #expect(verdict(0) == .admitted)
        #expect(verdict(5_000) == .admitted)
        #expect(verdict(5_001) == .tooNew)
        #expect(verdict(-599_999) == .admitted)
        #expect(verdict(-600_000) == .tooOld)
        #expect(verdict(9 * 365 * 86_400_000) == .tooNew)
        #expect(verdict(-86_400_000) == .tooOld)
    }

    @Test func eventIDsHaveOneText() {
        let id = EventID(at: WallTime(milliseconds: 0x018b_cfe5_6800), sequence: 1, client: 42)
        #expect(id.description == "018bcfe568000001-000000000000002a")
        #expect(EventID("018bcfe568000001-000000000000002a") == id)
        for bad in ["", "1-2", "018bcfe568000001+000000000000002a", "018bcfe568000001-00000000000000zz", "-"] {
            #expect(EventID(bad) == nil, "\(bad)")
        }
    }

    /// S2: D < F < R/4.
    @Test func unsafeConstantsAreRefused() {
        func bounds(_ drift: Int, _ future: Int, _ age: Int, _ mark: Int) throws(TimeBoundsError) {
            _ = try TimeBounds(
                maxDrift: .milliseconds(drift), maxFuture: .milliseconds(future), maxAge: .milliseconds(age),
                timeMarkInterval: .milliseconds(mark), silence: .seconds(30))
        }
        #expect(throws: Never.self) { try bounds(500, 5_000, 600_000, 2_000) }
        #expect(throws: TimeBoundsError.driftNotBelowFuture) { try bounds(5_000, 5_000, 600_000, 2_000) }
        #expect(throws: TimeBoundsError.futureNotBelowQuarterOfAge) { try bounds(500, 5_000, 20_000, 2_000) }
        #expect(throws: TimeBoundsError.futureTooLarge) { try bounds(500, 3_600_001, 20_000_000, 2_000) }
        #expect(throws: TimeBoundsError.markNotBelowSilence) { try bounds(500, 5_000, 600_000, 30_000) }
        #expect(TimeBounds.standard.forgetAfter == .seconds(601))
    }

    @Test func incarnationsGrowWithTime() {
        let first = Incarnation(startedAt: WallTime(milliseconds: 1_000), entropy: .max)
        let second = Incarnation(startedAt: WallTime(milliseconds: 1_001), entropy: 0)
        #expect(first < second)
        #expect(first.startedAt == WallTime(milliseconds: 1_000))
    }
}
