// Points in time. Durations are the standard library's `Duration`.

/// Milliseconds since 1970-01-01 UTC, 48 bits of them (until the year 10889).
package struct WallTime: Hashable, Comparable, Sendable {
    package let milliseconds: UInt64

    /// The 48 bits that stamps, ids and incarnations have room for.
    package static let mask: UInt64 = (1 << 48) - 1

    package init(milliseconds: UInt64) { self.milliseconds = milliseconds }

    /// Saturates at both ends of the range.
    package func advanced(by duration: Duration) -> WallTime {
        let delta = duration.signedMilliseconds
        if delta < 0 { return WallTime(milliseconds: milliseconds.subtracting(clamping: delta.magnitude)) }
        return WallTime(milliseconds: min(Self.mask, milliseconds.adding(clamping: delta.magnitude)))
    }

    /// Milliseconds from `earlier` to this time; zero where `earlier` is later.
    package func milliseconds(since earlier: WallTime) -> UInt64 {
        milliseconds.subtracting(clamping: earlier.milliseconds)
    }

    /// Milliseconds from `other` to this time, negative where `other` is later; at most what 63 bits hold.
    package func signedMilliseconds(from other: WallTime) -> Int64 {
        Int64(clamping: milliseconds).subtracting(clamping: Int64(clamping: other.milliseconds))
    }

    package static func < (lhs: Self, rhs: Self) -> Bool { lhs.milliseconds < rhs.milliseconds }
}

/// Nanoseconds of CLOCK_BOOTTIME: never set back, goes on while the machine sleeps. Means nothing on another machine.
package struct BootInstant: Hashable, Comparable, Sendable {
    package let nanoseconds: UInt64

    package init(nanoseconds: UInt64) { self.nanoseconds = nanoseconds }

    /// Saturates at both ends of the range.
    package func advanced(by duration: Duration) -> BootInstant {
        let delta = duration.signedNanoseconds
        if delta < 0 { return BootInstant(nanoseconds: nanoseconds - min(nanoseconds, delta.magnitude)) }
        let (sum, overflow) = nanoseconds.addingReportingOverflow(delta.magnitude)
        return BootInstant(nanoseconds: overflow ? .max : sum)
    }

    /// The time from `earlier` to this instant; negative when `earlier` is later.
    package func since(_ earlier: BootInstant) -> Duration {
        nanoseconds >= earlier.nanoseconds
            ? .nanoseconds(Int64(clamping: nanoseconds - earlier.nanoseconds))
            : .nanoseconds(-Int64(clamping: earlier.nanoseconds - nanoseconds))
    }

    package static func < (lhs: Self, rhs: Self) -> Bool { lhs.nanoseconds < rhs.nanoseconds }
}

extension Duration {
    /// Whole milliseconds, rounded towards zero and clamped to 292 million years.
    package var signedMilliseconds: Int64 {
        let (scaled, overflow) = components.seconds.multipliedReportingOverflow(by: 1_000)
        if overflow { return components.seconds < 0 ? .min : .max }
        let (sum, carried) = scaled.addingReportingOverflow(components.attoseconds / 1_000_000_000_000_000)
        return carried ? (components.seconds < 0 ? .min : .max) : sum
    }

    /// Whole milliseconds of a duration that is not negative; a negative one counts as zero.
    package var wholeMilliseconds: UInt64 { UInt64(max(0, signedMilliseconds)) }

    /// Whole nanoseconds, rounded towards zero and clamped to 292 years.
    package var signedNanoseconds: Int64 {
        let (scaled, overflow) = components.seconds.multipliedReportingOverflow(by: 1_000_000_000)
        if overflow { return components.seconds < 0 ? .min : .max }
        let (sum, carried) = scaled.addingReportingOverflow(components.attoseconds / 1_000_000_000)
        return carried ? (components.seconds < 0 ? .min : .max) : sum
    }
}
