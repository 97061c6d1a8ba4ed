// Guards an origin before it stamps (S2): its wall clock against its own elapsed time, and against the other members.

/// What a member says of its clock.
package struct PeerClock: Hashable, Sendable {
    /// The peer's wall clock minus ours, milliseconds, at the middle of the round trip.
    package var offsetMilliseconds: Int64
    /// The smallest round trip seen.
    package var roundTrip: Duration
    /// A member that refuses writes itself takes no part in the median.
    package var isRefusing: Bool

    package init(offsetMilliseconds: Int64, roundTrip: Duration, isRefusing: Bool) {
        self.offsetMilliseconds = offsetMilliseconds
        self.roundTrip = roundTrip
        self.isRefusing = isRefusing
    }
}

/// Whether this origin may stamp records now.
package enum ClockVerdict: Hashable, Sendable, CustomStringConvertible {
    case trusted
    /// Two members disagree and neither knows itself to be wrong: both go on, people are told.
    case alarm(String)
    /// No new records until the checks agree again.
    case refusing(String)

    package var description: String {
        switch self {
        case .trusted: "trusted"
        case .alarm(let why): "alarm: \(why)"
        case .refusing(let why): "refusing writes: \(why)"
        }
    }
}

/// Decides from readings that its owner gives it. A pure value.
///
/// Wall clock less elapsed time (CLOCK_BOOTTIME) is a constant of a machine whose clock is right: the kernel slews both
/// alike, and both count a sleep. The guard *believes* a value of it, which follows what the wall clock shows by
/// `slewPerMillion` of the elapsed time and no faster, and refuses while the two are more than D apart. So a jump is found at
/// once, and a steady drift after the time in which it gains D on the slew, however little it does between two looks. A clock
/// that comes back is trusted again.
package struct ClockGuard: Sendable {
    package static let maxPeers = 31
    /// Millionths of elapsed time by which the wall clock may be moved against it, for ever: what adjtimex(2) and NTP's
    /// kernel discipline do at most.
    package static let slewPerMillion = 500
    /// No look counts for more elapsed time than this: after a sleep or a stop of the process a jump is no slew.
    package static let longestSlewing: Duration = .seconds(10)
    /// What is believed of a peer's word: more is as good as this.
    private static let maxOffset = Int64(clamping: WallTime.mask)

    private let maxDrift: Duration
    /// Wall clock less elapsed time, as believed.
    private var believed: Duration?
    private var lastLook = BootInstant(nanoseconds: 0)
    /// How far the wall clock was from what is believed, at the last look.
    private var deviation: Duration = .zero
    private var isSynchronised = true
    private var peers: [RegionNumber: PeerClock] = [:]

    package init(bounds: TimeBounds) { maxDrift = bounds.maxDrift }

    /// Looks at the own clocks.
    package mutating func onReading(wall: WallTime, boot: BootInstant, isSynchronised: Bool) {
        self.isSynchronised = isSynchronised
        let shown = Self.shown(wall, boot)
        guard let believed else {
            believed = shown
            lastLook = boot
            return
        }
        let passed = min(max(.zero, boot.since(lastLook)), Self.longestSlewing)
        lastLook = boot
        deviation = shown - believed
        // Never towards a clock that is refused: waiting would make it right.
        guard abs(deviation) <= maxDrift else { return }
        let slew = min(abs(deviation), passed * Self.slewPerMillion / 1_000_000)
        self.believed = believed + (deviation < .zero ? .zero - slew : slew)
    }

    /// What the wall clock would show at `boot` if it had kept to what is believed: stamps are held against it between two
    /// looks. Nil before the first.
    package func believedTime(at boot: BootInstant) -> WallTime? {
        believed.map { WallTime(milliseconds: 0).advanced(by: $0 + .nanoseconds(Int64(clamping: boot.nanoseconds))) }
    }

    private static func shown(_ wall: WallTime, _ boot: BootInstant) -> Duration {
        .milliseconds(Int64(clamping: wall.milliseconds)) - .nanoseconds(Int64(clamping: boot.nanoseconds))
    }

    package mutating func onPeer(_ region: RegionNumber, _ clock: PeerClock) {
        guard peers[region] != nil || peers.count < Self.maxPeers else { return }
        var clock = clock
        clock.offsetMilliseconds = max(-Self.maxOffset, min(Self.maxOffset, clock.offsetMilliseconds))
        clock.roundTrip = max(.zero, min(peers[region]?.roundTrip ?? clock.roundTrip, clock.roundTrip))
        peers[region] = clock
    }

    /// A member that is away says nothing of our clock.
    package mutating func onPeerGone(_ region: RegionNumber) { peers[region] = nil }

    /// An operator says that the clock is right as it is.
    package mutating func reopen() {
        believed = nil
        deviation = .zero
    }

    package var verdict: ClockVerdict {
        if abs(deviation) > maxDrift {
            return .refusing(
                "the wall clock jumped or drifted by \(deviation.signedMilliseconds) ms against elapsed time")
        }
        let voters = peers.values.filter { !$0.isRefusing }
        guard !voters.isEmpty else { return .trusted }
        let median = Self.median(voters.map(\.offsetMilliseconds) + [0])
        let tolerance = maxDrift + (voters.map(\.roundTrip).min() ?? .zero) / 2
        guard Duration.milliseconds(Int64(median.magnitude)) > tolerance else { return .trusted }
        let difference = "this clock is \(-median) ms from the members' median"
        if voters.count >= 2 { return .refusing(difference) }
        return isSynchronised ? .alarm(difference) : .refusing("\(difference), and the kernel has no time source")
    }

    /// Of an even number the mean of the middle two: two members are equally far from it.
    private static func median(_ values: [Int64]) -> Int64 {
        let sorted = values.sorted()
        let middle = sorted.count / 2
        return sorted.count % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
    }

    private func abs(_ duration: Duration) -> Duration { duration < .zero ? .zero - duration : duration }
}
