// The door's verdicts on event ids, as somebody sees them who knows the true time (S4).

import ClusterModel

/// One call: the writer stamped at some time between its sending and its answer, give or take what a machine's clock,
/// and a line that once followed a faster one, may be away from the truth.
struct EventIDCheck: Sendable {
    let bounds: TimeBounds
    let sentAt: WallTime
    let answeredAt: WallTime

    /// D, which a writer's clock may be away before it refuses, and what a wrong clock can slew its guard to in a run: 500
    /// ppm over 20 s.
    private var tolerance: Int64 { bounds.maxDrift.signedMilliseconds + 10 }

    private var stamps: ClosedRange<Int64> {
        Int64(sentAt.milliseconds) - tolerance...Int64(answeredAt.milliseconds) + tolerance
    }

    /// In time for every stamp that the writer can have had.
    func mustBeTaken(_ id: EventID) -> Bool {
        let time = Int64(id.wallTime.milliseconds)
        return time > stamps.upperBound - bounds.maxAge.signedMilliseconds
            && time <= stamps.lowerBound + bounds.maxFuture.signedMilliseconds
    }

    /// Out of time for every stamp that the writer can have had.
    func mustBeRefused(_ id: EventID) -> Bool {
        let time = Int64(id.wallTime.milliseconds)
        return time <= stamps.lowerBound - bounds.maxAge.signedMilliseconds
            || time > stamps.upperBound + bounds.maxFuture.signedMilliseconds
    }
}
