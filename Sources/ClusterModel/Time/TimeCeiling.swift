// Up to when this node believes what others say of time (S1, S2).

/// The latest time that is taken from outside. Stamps and incarnations carry the clock of whoever made them, and lines only
/// ever go up: a number from the far future, taken in once, could never be followed by a true one again. So it stays at the
/// door: who serves it is told about, and nothing of it reaches the disk. A value; made anew whenever something is judged.
package struct TimeCeiling: Hashable, Sendable {
    /// How far ahead of this node's clock: far beyond what a clock guard lets a member write (D), and short enough that a
    /// mistake beyond it ends by itself within a day.
    package static let ahead: Duration = .seconds(86_400)
    /// Nothing later is believed at all. Above it lies the reserve, of 34 years, from which a line goes on counting.
    package static let last = WallTime(milliseconds: WallTime.mask - (1 << 40))

    package let latest: WallTime

    /// As of this node's clock.
    package init(at now: WallTime) { latest = min(now.advanced(by: Self.ahead), Self.last) }

    private init(latest: WallTime) { self.latest = latest }

    /// For what has no clock at hand: only what nobody can ever have written is refused.
    package static let possible = TimeCeiling(latest: last)

    package func admits(_ stamp: HybridStamp) -> Bool { stamp.wallTime <= latest }

    package func admits(_ incarnation: Incarnation) -> Bool { incarnation.startedAt <= latest }
}
