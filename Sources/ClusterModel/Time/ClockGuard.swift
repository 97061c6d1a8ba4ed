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
package struct ClockGuard: Sendable {
    private struct Reading: Sendable {
        var wall: WallTime
        var boot: BootInstant
    }

    package static let maxPeers = 31

    private let maxDrift: Duration
    /// The last reading that agreed with the one before it: a jump is measured from there, so that a clock that comes
    /// back is trusted again.
    private var anchor: Reading?
    private var jump: Duration = .zero
    private var isSynchronised = true
    private var peers: [RegionNumber: PeerClock] = [:]

    package init(bounds: TimeBounds) { maxDrift = bounds.maxDrift }

    /// Looks at the own clocks. Slow corrections, less than D between two readings, are followed.
    package mutating func onReading(wall: WallTime, boot: BootInstant, isSynchronised: Bool) {
        self.isSynchronised = isSynchronised
        let reading = Reading(wall: wall, boot: boot)
        guard let anchor else {
            anchor = reading
            return
        }
        let passed = boot.since(anchor.boot)
        let shown = Duration.milliseconds(Int64(wall.milliseconds) - Int64(anchor.wall.milliseconds))
        jump = shown - passed
        if abs(jump) <= maxDrift { self.anchor = reading }
    }

    package mutating func onPeer(_ region: RegionNumber, _ clock: PeerClock) {
        guard peers[region] != nil || peers.count < Self.maxPeers else { return }
        let best = min(peers[region]?.roundTrip ?? clock.roundTrip, clock.roundTrip)
        peers[region] = clock
        peers[region]?.roundTrip = best
    }

    /// A member that is away says nothing of our clock.
    package mutating func onPeerGone(_ region: RegionNumber) { peers[region] = nil }

    /// An operator says that the clock is right as it is.
    package mutating func reopen() {
        anchor = nil
        jump = .zero
    }

    package var verdict: ClockVerdict {
        if abs(jump) > maxDrift {
            return .refusing("the wall clock jumped by \(jump.signedMilliseconds) ms against elapsed time")
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
