// How long a region usually takes, as RFC 6298 estimates round trips.

/// Smoothed time and deviation of answers. A value.
package struct LatencyEstimate: Hashable, Sendable {
    /// Nil before the first answer.
    package private(set) var smoothed: Duration?
    private var deviation: Duration = .zero

    package init() {}

    /// `trip` from sending to the answer; a negative one is ignored.
    package mutating func onAnswer(_ trip: Duration) {
        guard trip >= .zero else { return }
        guard let old = smoothed else {
            smoothed = trip
            deviation = trip / 2
            return
        }
        let off = old > trip ? old - trip : trip - old
        deviation = deviation * 0.75 + off * 0.25
        smoothed = old * 0.875 + trip * 0.125
    }

    /// How long an answer may take before the region counts as silent: four deviations above the usual, within the
    /// bounds; a region that is known to be slow gets twice its usual time.
    package func patience(_ bounds: ClosedRange<Duration>) -> Duration {
        guard let smoothed else { return bounds.upperBound }
        return max(min(max(smoothed + deviation * 4, bounds.lowerBound), bounds.upperBound), smoothed * 2)
    }
}
