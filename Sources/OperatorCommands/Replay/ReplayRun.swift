// The state of a running replay: what is due next, what was promised, what was measured.

package import ClusterModel
package import Datasets
package import NodeEnvironment

/// How a replay is driven.
package struct ReplayPlan: Hashable, Sendable {
    /// Visits a second over all users; a visit is a slate and the report of what the user did.
    package var visitsPerSecond: Double
    package var duration: Duration
    /// Visits under way at once: more wait for their turn.
    package var window: Int
    /// Items asked for in a visit.
    package var slateItems: Int
    package var seed: UInt64

    package static let maxWindow = 1_024

    package init(
        visitsPerSecond: Double = 200, duration: Duration = .seconds(20), window: Int = 64, slateItems: Int = 10,
        seed: UInt64 = 1
    ) {
        self.visitsPerSecond = visitsPerSecond
        self.duration = duration
        self.window = window
        self.slateItems = slateItems
        self.seed = seed
    }
}

/// Hands out visits at their due times and collects outcomes. An id enters `acknowledged` and the file in the same
/// step that counts it.
package actor ReplayRun {
    package struct Visit: Sendable {
        package var step: ReplayStep
        package var dueAt: BootInstant
        package var requestID: UInt64
    }

    package let plan: ReplayPlan
    private let clock: any NodeClock
    private let startedAt: BootInstant
    private var source: ReplaySource
    private var visits: UInt64 = 0
    private var generator: SeededGenerator
    private let acknowledgements: AcknowledgementFile?
    private var filed: UInt64
    private var fileFailure: OperatorFailure?
    package private(set) var measurement: ReplayMeasurement

    /// `filed`: the ids that the acknowledgement file holds already.
    package init(
        _ plan: ReplayPlan, source: ReplaySource, clock: any NodeClock, acknowledgements: AcknowledgementFile?,
        filed: UInt64 = 0
    ) {
        self.plan = plan
        self.source = source
        self.clock = clock
        self.acknowledgements = acknowledgements
        self.filed = filed
        startedAt = clock.bootTime()
        measurement = ReplayMeasurement(startedAt: startedAt)
        generator = SeededGenerator(seed: plan.seed ^ startedAt.nanoseconds)
    }

    /// The next visit; nil once the time is over or the acknowledgement file failed.
    package func nextVisit() -> Visit? {
        let dueAt = startedAt.advanced(by: .seconds(Double(visits) / plan.visitsPerSecond))
        guard fileFailure == nil, dueAt.since(startedAt) < plan.duration,
            clock.bootTime().since(startedAt) < plan.duration
        else { return nil }
        visits += 1
        return Visit(step: source.nextStep(), dueAt: dueAt, requestID: generator.next())
    }

    package func onSlate(_ slate: ServedSlate, asked: BootInstant) {
        measurement.onSlate(slate, asked: asked, answered: clock.bootTime())
    }

    package func onReceipt(_ receipt: ReportReceipt, asked: BootInstant) {
        measurement.onReceipt(receipt, asked: asked, answered: clock.bootTime())
        guard let acknowledgements, fileFailure == nil else { return }
        do {
            try acknowledgements.append(receipt.acknowledged, after: filed)
            filed += UInt64(receipt.acknowledged.count)
        } catch {
            fileFailure = error
        }
    }

    package func onProfile(asked: BootInstant) {
        measurement.onSuccess(asked: asked, answered: clock.bootTime())
    }

    package func onFailure(_ failure: OperatorFailure) { measurement.onFailure(failure) }

    /// Throws what ended the run early.
    package func finish() throws(OperatorFailure) -> (measurement: ReplayMeasurement, filed: UInt64, elapsed: Duration)
    {
        if let fileFailure { throw fileFailure }
        return (measurement, filed, clock.bootTime().since(startedAt))
    }
}
