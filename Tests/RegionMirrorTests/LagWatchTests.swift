// Standing lag (FAULTS 31): what stands still although its origin goes on is found, whatever links say.

import ClusterModel
import EventLog
import NodeEnvironment
import Testing

@testable import RegionMirror

@Suite struct LagWatchTests {
    private static let origin = RegionNumber(1)

    private static func at(_ seconds: Int) -> BootInstant {
        BootInstant(nanoseconds: 0).advanced(by: .seconds(seconds))
    }

    private static func reading(_ partition: UInt32, held: UInt64, end: UInt64, stamp: UInt64) -> LagWatch.Reading {
        LagWatch.Reading(
            log: Sample.log(partition), end: Offset(end), held: Offset(held),
            stamp: HybridStamp(at: WallTime(milliseconds: stamp)))
    }

    @Test("FAULTS 31: a log that does not move although its origin's head does stands still")
    func aLogThatStandsWhileItsHeadMoves() {
        var watch = LagWatch()
        for second in 0...30 {
            watch.onLook(
                at: Self.origin,
                [
                    Self.reading(1, held: 5, end: 6 + UInt64(second), stamp: UInt64(second)),
                    Self.reading(2, held: UInt64(second), end: UInt64(second) + 3, stamp: UInt64(second)),
                    Self.reading(3, held: 4, end: 9, stamp: 0), Self.reading(4, held: 9, end: 9, stamp: 0),
                ], now: Self.at(second))
        }
        let standing = watch.standing(of: Self.origin, for: .seconds(30), at: Self.at(30))
        // The second moves, of the third nothing new is written, the fourth is all here.
        #expect(standing.map(\.log) == [Sample.log(1)])
        #expect(standing.first?.held == Offset(5) && standing.first?.since == .seconds(30))
        #expect(watch.standing(of: Self.origin, for: .seconds(31), at: Self.at(30)).isEmpty)
        watch.onLook(at: Self.origin, [Self.reading(1, held: 6, end: 40, stamp: 40)], now: Self.at(31))
        #expect(watch.standing(of: Self.origin, for: .seconds(1), at: Self.at(40)).isEmpty, "it moved")
    }

    @Test("FAULTS 31: an origin that is connected and writes nothing is silent for so long")
    func aSilentOrigin() {
        var watch = LagWatch()
        #expect(watch.silence(of: Self.origin, at: Self.at(0)) == nil)
        watch.onLook(at: Self.origin, [Self.reading(1, held: 1, end: 1, stamp: 7)], now: Self.at(10))
        watch.onLook(at: Self.origin, [Self.reading(1, held: 1, end: 1, stamp: 7)], now: Self.at(50))
        #expect(watch.silence(of: Self.origin, at: Self.at(50)) == .seconds(40))
        watch.onLook(at: Self.origin, [Self.reading(1, held: 1, end: 2, stamp: 8)], now: Self.at(51))
        #expect(watch.silence(of: Self.origin, at: Self.at(52)) == .seconds(1))
        watch.onLost(Self.origin)
        #expect(watch.silence(of: Self.origin, at: Self.at(60)) == nil)
    }

    @Test func aRefusalIsSaidOnceForEachCallerAndReason() {
        var book = RefusalLog(limit: 2)
        let said = [("a", "x", 0), ("a", "x", 1), ("a", "y", 2), ("b", "x", 3), ("a", "x", 4), ("a", "x", 4_000)].map {
            book.isNews($0.0, $0.1, at: Self.at($0.2))
        }
        // The oldest makes room, and is news again; so is everything after an hour.
        #expect(said == [true, false, true, true, true, true])
    }

    @Test("S1: a restart that waits for its own old claim is no rival; who is refused for longer is")
    func aRivalIsWhoIsRefusedForLong() {
        var watch = RivalWatch(Incarnation(9), at: Self.at(0))
        watch.onRefused(at: Self.at(5))
        #expect(!watch.isStanding(at: Self.at(5), staleAfter: .seconds(6)))
        watch.onRefused(at: Self.at(7))
        #expect(watch.isStanding(at: Self.at(7), staleAfter: .seconds(6)))
        #expect(!watch.isStanding(at: Self.at(14), staleAfter: .seconds(6)), "it gave up")
    }
}
