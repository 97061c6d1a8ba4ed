// Numbers at the ends of their types: nothing traps, nothing wraps, nothing goes down (FAULTS 3.9).

import ClusterModel
import Testing

@Suite struct ExtremeNumbersTests {
    private static let ends: [UInt64] = [0, 1, 1 << 47, 1 << 48, 1 << 62, 1 << 63, .max - 1, .max]

    @Test func offsetsSaturateAndDistancesAreNeverNegative() {
        #expect(Offset(.max - 1).advanced(by: 5) == Offset(.max))
        #expect(Offset(.max).advanced(by: 1) == Offset(.max))
        #expect(Offset(7).advanced(by: -1) == Offset(7))
        for (one, other) in Self.ends.flatMap({ one in Self.ends.map { (one, $0) } }) {
            #expect(Offset(one).distance(from: Offset(other)) == (one > other ? one - other : 0))
            // A range from an offset to a later one is one, whatever the offset.
            #expect(Offset(one) <= Offset(one).advanced(by: 1))
        }
    }

    @Test func sumsOfForeignNumbersEndAtTheBounds() {
        #expect(UInt64.max.adding(clamping: 1) == .max)
        #expect(UInt64(3).subtracting(clamping: 5) == 0)
        #expect(Int.max.adding(clamping: 1) == .max && Int.min.adding(clamping: -1) == .min)
        #expect(Int64.min.subtracting(clamping: 1) == .min && Int64.max.subtracting(clamping: -1) == .max)
    }

    /// S2: stamps never decrease, also behind the last that there is.
    @Test func stampsNeverDecreaseAtTheEnd() {
        var clock = HybridClock(above: HybridStamp(rawValue: .max - 1))
        var last = clock.latest
        for now in Self.ends {
            let stamp = clock.stamp(at: WallTime(milliseconds: now))
            #expect(stamp >= last)
            last = stamp
        }
        #expect(last == HybridStamp(rawValue: .max))
    }

    @Test func incarnationsEnd() {
        #expect(Incarnation(.max).next == nil)
        #expect(Incarnation(.max - 1).next == Incarnation(.max))
    }

    @Test func timesSaturate() {
        for milliseconds in Self.ends {
            let time = WallTime(milliseconds: milliseconds)
            for duration in [Duration.seconds(Int64.max), .seconds(Int64.min), .milliseconds(Int64.max)] {
                #expect(time.advanced(by: duration).milliseconds <= max(milliseconds, WallTime.mask))
            }
            for other in Self.ends {
                let difference = time.signedMilliseconds(from: WallTime(milliseconds: other))
                #expect((difference > 0) == (Int64(clamping: milliseconds) > Int64(clamping: other)))
            }
        }
        #expect(Duration.seconds(Int64.max).signedMilliseconds == .max)
        #expect(Duration.seconds(Int64.min).signedMilliseconds == .min)
    }

    /// S4: the door's verdict at the ends of the clock.
    @Test func theDoorJudgesEveryTime() {
        for time in Self.ends {
            for stamp in Self.ends {
                let verdict = TimeBounds.standard.verdict(
                    on: EventID(time: time, client: 1), at: HybridStamp(rawValue: stamp))
                #expect(verdict != .admitted || (time >> 16).subtracting(clamping: stamp >> 16) <= 5_000)
            }
        }
    }

    /// A day ahead is believed, more is not, and the last 34 years never are.
    @Test func theCeilingIsADayAhead() {
        let now = WallTime(milliseconds: 1_700_000_000_000)
        let ceiling = TimeCeiling(at: now)
        let (day, more) = (now.advanced(by: TimeCeiling.ahead), now.advanced(by: TimeCeiling.ahead + .milliseconds(1)))
        #expect(ceiling.admits(HybridStamp(at: day, counter: .max)) && !ceiling.admits(HybridStamp(at: more)))
        #expect(
            ceiling.admits(Incarnation(startedAt: day, entropy: .max))
                && !ceiling.admits(Incarnation(startedAt: more, entropy: 0)))
        for ceiling in [ceiling, .possible, TimeCeiling(at: WallTime(milliseconds: .max))] {
            #expect(!ceiling.admits(Incarnation(.max)) && !ceiling.admits(HybridStamp(rawValue: .max)))
            #expect(ceiling.admits(Incarnation(0)) && ceiling.admits(.zero))
        }
    }
}
