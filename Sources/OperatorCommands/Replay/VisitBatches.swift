// Visits of one user that are close together, as one visit with more events: fewer calls for the same events.

package import Datasets

/// Draws from a source and merges. Pure: the same source gives the same visits. Without merging it hands out what the
/// source has.
package struct VisitBatches: Sendable {
    /// A report's limit (`ReportRequest.events`).
    package static let maxEventsPerReport = 512
    /// Visits that are looked at together, per event asked for.
    private static let lookAhead = 256

    private var source: ReplaySource
    private let eventsPerReport: Int
    /// Next to hand out is the last.
    private var ready: [ReplayStep] = []

    package init(_ source: ReplaySource, eventsPerReport: Int) {
        self.source = source
        self.eventsPerReport = min(eventsPerReport, Self.maxEventsPerReport)
    }

    package mutating func nextStep() -> ReplayStep {
        guard eventsPerReport > 0 else { return source.nextStep() }
        if let step = ready.popLast() { return step }
        fill()
        return ready.popLast() ?? source.nextStep()
    }

    private mutating func fill() {
        var merged: [ReplayStep] = []
        var open: [String: Int] = [:]
        for _ in 0..<eventsPerReport * Self.lookAhead {
            let step = source.nextStep()
            guard let place = open[step.userID],
                merged[place].interactions.count + step.interactions.count <= eventsPerReport
            else {
                open[step.userID] = merged.count
                merged.append(step)
                continue
            }
            merged[place].interactions += step.interactions
            merged[place].profile = step.profile ?? merged[place].profile
        }
        ready = merged.reversed()
    }
}
