// Hybrid logical time (S2), after Kulkarni et al., "Logical Physical Clocks" (OPODIS 2014), with one deviation: a stamp
// is one 64-bit word, and stamps of foreign origins never push this clock; the guard compares the members' clocks.

/// 48-bit milliseconds over a 16-bit counter; the order of stamps is the order of the word. Ties between regions break
/// by region number, outside the stamp.
package struct HybridStamp: Hashable, Comparable, Sendable {
    package let rawValue: UInt64

    package init(rawValue: UInt64) { self.rawValue = rawValue }

    package init(at time: WallTime, counter: UInt16 = 0) {
        rawValue = (time.milliseconds & WallTime.mask) << 16 | UInt64(counter)
    }

    package static let zero = HybridStamp(rawValue: 0)

    package var wallTime: WallTime { WallTime(milliseconds: rawValue >> 16) }

    /// The stamp after this one; a counter that runs over carries into the milliseconds. The last one stays: stamps never
    /// decrease, and nobody's door lets one come near it (TimeCeiling).
    package var next: HybridStamp { HybridStamp(rawValue: rawValue.adding(clamping: 1)) }

    package static func < (lhs: Self, rhs: Self) -> Bool { lhs.rawValue < rhs.rawValue }
}

/// Makes the stamps of one line: strictly growing, whatever the wall clock does. A value without a clock of its own.
package struct HybridClock: Sendable {
    /// The highest stamp given or observed.
    package private(set) var latest: HybridStamp

    /// Starts above `floor`, the highest stamp that the line is known to have reached.
    package init(above floor: HybridStamp = .zero) { latest = floor }

    /// The next stamp: the wall clock, or one above the latest where the wall clock lags.
    package mutating func stamp(at now: WallTime) -> HybridStamp {
        latest = max(HybridStamp(at: now), latest.next)
        return latest
    }
}
