// The state of a running replay: what is due next, what was promised, what was measured.

package import ClusterModel
package import Datasets
package import NodeEnvironment

/// How a replay is driven.
package struct ReplayPlan: Hashable, Sendable {
    /// Events a second over all users. A visit (a slate, then the report of what the user did) is due when the events
    /// of the visits before it are.
    package var eventsPerSecond: Double
    package var duration: Duration
    /// Visits under way at once: more wait for their turn.
    package var window: Int
    /// Items asked for in a visit.
    package var slateItems: Int
    package var seed: UInt64
    /// Of 1: reports that ask for one other region too.
    package var remoteShare = 0.0
    /// More than 0: a user's visits that are close together are reported together, up to about so many events, as a
    /// device does that is short of time.
    package var eventsPerReport = 0

    package static let maxWindow = 1_024
    /// Items of one call.
    package static let itemsPerPublication = 256
    /// How often items that have come out are published.
    package static let publicationInterval: Duration = .milliseconds(200)

    package init(
        eventsPerSecond: Double = 1_000, duration: Duration = .seconds(20), window: Int = 64, slateItems: Int = 10,
        seed: UInt64 = 1
    ) {
        self.eventsPerSecond = eventsPerSecond
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
        package var durability: Acknowledgement.Promise
    }

    package let plan: ReplayPlan
    private let clock: any NodeClock
    private let startedAt: BootInstant
    private var source: VisitBatches
    private var eventsHandedOut: UInt64 = 0
    private var generator: SeededGenerator
    private let acknowledgements: AcknowledgementFile?
    private var filed: UInt64
    private var fileFailure: OperatorFailure?
    private var isStopped = false
    private var later: [String: CatalogueItem]
    private var unpublished: [CatalogueItem] = []
    package private(set) var measurement: ReplayMeasurement

    /// `filed`: the lines that the acknowledgement file holds already. `later`: items to publish when first seen.
    package init(
        _ plan: ReplayPlan, source: ReplaySource, clock: any NodeClock, acknowledgements: AcknowledgementFile?,
        filed: UInt64 = 0, later: [String: CatalogueItem] = [:]
    ) {
        self.plan = plan
        self.source = VisitBatches(source, eventsPerReport: plan.eventsPerReport)
        self.clock = clock
        self.acknowledgements = acknowledgements
        self.filed = filed
        self.later = later
        startedAt = clock.bootTime()
        measurement = ReplayMeasurement(startedAt: startedAt)
        generator = SeededGenerator(seed: plan.seed ^ startedAt.nanoseconds)
    }

    /// The next visit; nil once the time is over or the acknowledgement file failed.
    package func nextVisit() -> Visit? {
        let dueAt = startedAt.advanced(by: .seconds(Double(eventsHandedOut) / plan.eventsPerSecond))
        guard fileFailure == nil, !isStopped, dueAt.since(startedAt) < plan.duration,
            clock.bootTime().since(startedAt) < plan.duration
        else { return nil }
        let step = source.nextStep()
        eventsHandedOut += UInt64(step.interactions.count)
        let share = Double(generator.next() >> 11) / Double(UInt64(1) << 53)
        return Visit(
            step: step, dueAt: dueAt, requestID: generator.next(),
            durability: share < plan.remoteShare ? .remote(1) : .local)
    }

    package func onSlate(_ slate: ServedSlate, asked: BootInstant) {
        measurement.onSlate(slate, asked: asked, answered: clock.bootTime())
    }

    /// `shown`: how many of the reported interactions are with items that the slate showed.
    package func onReceipt(_ receipt: ReportReceipt, shown: Int, asked: BootInstant) {
        measurement.onReceipt(receipt, shown: shown, asked: asked, answered: clock.bootTime())
        file(receipt.acknowledged)
    }

    /// Writes down what was acknowledged beside the replay.
    package func file(_ acknowledged: [Acknowledgement]) {
        guard let acknowledgements, fileFailure == nil else { return }
        do {
            try acknowledgements.append(acknowledged, after: filed)
            filed += UInt64(acknowledged.count)
        } catch {
            fileFailure = error
        }
    }

    package func onProfile(asked: BootInstant) {
        measurement.onSuccess(asked: asked, answered: clock.bootTime())
    }

    package func onFailure(_ failure: OperatorFailure) { measurement.onFailure(failure) }

    /// The node was killed now: the longest gap is counted from here.
    package func onKill() { measurement.onKill() }

    /// The visit has been reported: its items have come out.
    package func onReported(_ step: ReplayStep) {
        guard !later.isEmpty else { return }
        for interaction in step.interactions {
            guard var item = later.removeValue(forKey: interaction.contentID) else { continue }
            item.publishedAt = clock.wallTime()
            unpublished.append(item)
        }
    }

    /// Items that have come out and are not published yet; the caller publishes them.
    package func takeUnpublished() -> [CatalogueItem] {
        let taken = Array(unpublished.prefix(ReplayPlan.itemsPerPublication))
        unpublished.removeFirst(taken.count)
        return taken
    }

    /// Hands out no further visit.
    package func stop() { isStopped = true }

    package var elapsed: Duration { clock.bootTime().since(startedAt) }

    /// Throws what ended the run early.
    package func finish() throws(OperatorFailure) -> (measurement: ReplayMeasurement, filed: UInt64, elapsed: Duration)
    {
        if let fileFailure { throw fileFailure }
        return (measurement, filed, clock.bootTime().since(startedAt))
    }
}
