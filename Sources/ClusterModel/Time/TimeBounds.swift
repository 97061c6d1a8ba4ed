// The time constants of SEMANTICS.md and the relations between them that the proofs need.

/// D, F, R, M and L. Construct through `init(…)`: it refuses constants that break a rule.
package struct TimeBounds: Hashable, Sendable {
    /// D: how far a member's clock may drift from the median before it refuses writes (S2).
    package let maxDrift: Duration
    /// F: how far an event id may lie in the future of the writer's stamp (S4).
    package let maxFuture: Duration
    /// The largest F: no configuration goes beyond it, so that no record of any region has an id further ahead of its stamp.
    package static let largestMaxFuture: Duration = .seconds(3_600)
    /// R: how far an event id may lie in the past of the writer's stamp (S4).
    package let maxAge: Duration
    /// M: how often an idle log appends a time mark (S2).
    package let timeMarkInterval: Duration
    /// L: how long an origin may be silent before watermarks leave it out (S13).
    package let silence: Duration

    /// D 500 ms, F 5 s, R 10 min, M 2 s, L 30 s.
    package static let standard = TimeBounds(
        unchecked: .milliseconds(500), .seconds(5), .seconds(600), .seconds(2), .seconds(30))

    /// Throws unless 0 < D < F < R/4 and 0 < M < L (S2).
    package init(
        maxDrift: Duration, maxFuture: Duration, maxAge: Duration, timeMarkInterval: Duration, silence: Duration
    ) throws(TimeBoundsError) {
        guard maxDrift > .zero else { throw .notPositive("D (clock.max_drift_ms)") }
        guard timeMarkInterval > .zero else { throw .notPositive("M (clock.time_mark_interval_ms)") }
        guard maxDrift < maxFuture else { throw .driftNotBelowFuture }
        guard maxFuture <= Self.largestMaxFuture else { throw .futureTooLarge }
        guard maxFuture * 4 < maxAge else { throw .futureNotBelowQuarterOfAge }
        guard timeMarkInterval < silence else { throw .markNotBelowSilence }
        self.init(unchecked: maxDrift, maxFuture, maxAge, timeMarkInterval, silence)
    }

    private init(
        unchecked maxDrift: Duration, _ maxFuture: Duration, _ maxAge: Duration, _ timeMarkInterval: Duration,
        _ silence: Duration
    ) {
        self.maxDrift = maxDrift
        self.maxFuture = maxFuture
        self.maxAge = maxAge
        self.timeMarkInterval = timeMarkInterval
        self.silence = silence
    }

    /// S5: an id of time t may be forgotten once every member origin's time is above t + R + 2D.
    package var forgetAfter: Duration { maxAge + maxDrift * 2 }
}

/// Which relation between the time constants does not hold.
package enum TimeBoundsError: Error, Hashable, CustomStringConvertible {
    case notPositive(String)
    case driftNotBelowFuture
    case futureTooLarge
    case futureNotBelowQuarterOfAge
    case markNotBelowSilence

    package var description: String {
        switch self {
        case .notPositive(let name): "\(name) must be above zero"
        case .driftNotBelowFuture: "clock.max_drift_ms (D) must be below events.id_max_future_ms (F)"
        case .futureTooLarge: "events.id_max_future_ms (F) must be at most an hour"
        case .futureNotBelowQuarterOfAge:
            "events.id_max_future_ms (F) must be below a quarter of events.id_max_age_seconds (R)"
        case .markNotBelowSilence: "clock.time_mark_interval_ms (M) must be below 30 s (L)"
        }
    }
}
