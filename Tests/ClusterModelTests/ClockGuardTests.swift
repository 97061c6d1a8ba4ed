// S2: who refuses writes when clocks go apart.

import ClusterModel
import Testing

@Suite struct ClockGuardTests {
    private static let start = WallTime(milliseconds: 1_700_000_000_000)

    /// A member's clocks, `seconds` after the start, the wall clock `skew` milliseconds off.
    private func read(_ guardian: inout ClockGuard, at seconds: UInt64, skew: Int64 = 0, synchronised: Bool = true) {
        guardian.onReading(
            wall: Self.start.advanced(by: .seconds(Int64(seconds)) + .milliseconds(skew)),
            boot: BootInstant(nanoseconds: seconds * 1_000_000_000), isSynchronised: synchronised)
    }

    private func peer(_ offset: Int64, roundTrip: Duration = .milliseconds(10), refusing: Bool = false) -> PeerClock {
        PeerClock(offsetMilliseconds: offset, roundTrip: roundTrip, isRefusing: refusing)
    }

    private func refuses(_ guardian: ClockGuard) -> Bool {
        if case .refusing = guardian.verdict { return true }
        return false
    }

    /// FAULTS 20: jumps of an hour either way; the guard opens again when the clock comes back.
    @Test(arguments: [3_600_000, -3_600_000, 501, -501] as [Int64])
    func aJumpRefusesUntilTheClockIsBack(jump: Int64) {
        var guardian = ClockGuard(bounds: .standard)
        for second in 0..<5 as Range<UInt64> { read(&guardian, at: second) }
        #expect(guardian.verdict == .trusted)
        read(&guardian, at: 6, skew: jump)
        #expect(refuses(guardian))
        read(&guardian, at: 60, skew: jump)
        #expect(refuses(guardian))
        read(&guardian, at: 61)
        #expect(guardian.verdict == .trusted)
    }

    @Test func anOperatorReopens() {
        var guardian = ClockGuard(bounds: .standard)
        for second in 0..<100 as Range<UInt64> { read(&guardian, at: second) }
        read(&guardian, at: 101, skew: 3_600_000)
        #expect(refuses(guardian))
        guardian.reopen()
        read(&guardian, at: 102, skew: 3_600_000)
        #expect(guardian.verdict == .trusted)
    }

    /// With three members the odd one out refuses, and only it.
    @Test func theOutlierOfThreeRefuses() {
        var wild = ClockGuard(bounds: .standard)
        wild.onPeer(RegionNumber(1), peer(-3_600_000))
        wild.onPeer(RegionNumber(2), peer(-3_600_010))
        #expect(refuses(wild))
        var sound = ClockGuard(bounds: .standard)
        sound.onPeer(RegionNumber(1), peer(5))
        sound.onPeer(RegionNumber(3), peer(3_600_000))
        #expect(sound.verdict == .trusted)
        sound.onPeerGone(RegionNumber(1))
        #expect(!refuses(sound))
    }

    /// HISTORIES 19: one of two regions jumps an hour ahead: only the wild one refuses.
    @Test func ofTwoOnlyTheOneThatKnowsItselfWrongRefuses() {
        var wild = ClockGuard(bounds: .standard)
        read(&wild, at: 0)
        read(&wild, at: 1, skew: 3_600_000)
        wild.onPeer(RegionNumber(2), peer(-3_600_000))
        #expect(refuses(wild))
        var sound = ClockGuard(bounds: .standard)
        read(&sound, at: 0)
        read(&sound, at: 1)
        sound.onPeer(RegionNumber(1), peer(3_600_000))
        guard case .alarm = sound.verdict else {
            Issue.record("\(sound.verdict)")
            return
        }
        // Once the wild one refuses, it has no vote.
        sound.onPeer(RegionNumber(1), peer(3_600_000, refusing: true))
        #expect(sound.verdict == .trusted)
        read(&sound, at: 2, synchronised: false)
        sound.onPeer(RegionNumber(1), peer(3_600_000))
        #expect(refuses(sound))
    }

    /// Half the round trip is doubt, not drift.
    @Test func aLongRoundTripWidensTheTolerance() {
        var guardian = ClockGuard(bounds: .standard)
        guardian.onPeer(RegionNumber(2), peer(1_300, roundTrip: .milliseconds(400)))
        #expect(guardian.verdict == .trusted)
        guardian.onPeer(RegionNumber(2), peer(1_500, roundTrip: .milliseconds(300)))
        guard case .alarm = guardian.verdict else {
            Issue.record("\(guardian.verdict)")
            return
        }
    }
}
