// S4: the server's time as answers tell it.

import ClusterModel
import Testing

@testable import MeridianClient

@Suite struct ServerClockTests {
    private static func instant(_ milliseconds: UInt64) -> BootInstant {
        BootInstant(nanoseconds: milliseconds * 1_000_000)
    }

    @Test func s4TheWallClockStandsInUntilAnAnswer() {
        var clock = ServerClock()
        #expect(!clock.isCalibrated)
        #expect(clock.now(at: Self.instant(5), wall: WallTime(milliseconds: 42)).milliseconds == 42)
        clock.onAnswer(
            serverTime: WallTime(milliseconds: 1_000), sentAt: Self.instant(10), receivedAt: Self.instant(20))
        #expect(clock.isCalibrated)
        // The middle of the trip, instant 15, is the server's 1000; the wall clock no longer matters.
        #expect(clock.now(at: Self.instant(115), wall: WallTime(milliseconds: 0)).milliseconds == 1_100)
    }

    @Test func s4AShortTripBeatsALongOneUntilItAges() {
        var clock = ServerClock()
        clock.onAnswer(serverTime: WallTime(milliseconds: 1_000), sentAt: Self.instant(0), receivedAt: Self.instant(2))
        clock.onAnswer(
            serverTime: WallTime(milliseconds: 9_000), sentAt: Self.instant(2), receivedAt: Self.instant(900))
        #expect(clock.now(at: Self.instant(1), wall: WallTime(milliseconds: 0)).milliseconds == 1_000)
        // An hour later the first sample may be off by more than the second one's trip.
        let later: UInt64 = 3_600_000
        clock.onAnswer(
            serverTime: WallTime(milliseconds: later + 2_000), sentAt: Self.instant(later),
            receivedAt: Self.instant(later + 200))
        #expect(clock.now(at: Self.instant(later + 100), wall: WallTime(milliseconds: 0)).milliseconds == later + 2_000)
    }

    @Test func s4NoTimeAndNegativeTripsAreIgnored() {
        var clock = ServerClock()
        clock.onAnswer(serverTime: WallTime(milliseconds: 0), sentAt: Self.instant(0), receivedAt: Self.instant(2))
        clock.onAnswer(serverTime: WallTime(milliseconds: 7), sentAt: Self.instant(9), receivedAt: Self.instant(2))
        #expect(!clock.isCalibrated)
    }
}
