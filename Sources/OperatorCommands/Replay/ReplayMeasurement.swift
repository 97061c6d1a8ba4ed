// What a replay saw, as one value.

package import ClusterModel

/// Counts and latencies of a replay. A value type; the driver owns it.
package struct ReplayMeasurement: Sendable {
    package private(set) var requests: UInt64 = 0
    package private(set) var eventsAcknowledged: UInt64 = 0
    package private(set) var eventsDuplicate: UInt64 = 0
    package private(set) var eventsRefused: UInt64 = 0
    /// Reports that asked for other regions and had to settle for `local`.
    package private(set) var settledForLocal: UInt64 = 0
    /// Interactions with an item that the slate asked for just before had shown.
    package private(set) var interactionsShown: UInt64 = 0
    package private(set) var slates: UInt64 = 0
    /// Slates made for the user, of all slates.
    package private(set) var personalSlates: UInt64 = 0
    package private(set) var failedCalls: UInt64 = 0
    /// Of `failedCalls`.
    package private(set) var failures = ReasonCounts()
    /// Of `eventsRefused`.
    package private(set) var refusals = ReasonCounts()
    package private(set) var emptySlates: UInt64 = 0
    /// Of single calls, retries included.
    package private(set) var latency = LatencyHistogram()
    package private(set) var staleness = LatencyHistogram()
    /// The longest time without an answered call, from the latest kill on: what clients saw of an outage.
    package private(set) var longestGap: Duration = .zero
    /// The latest reason, for people.
    package private(set) var lastFailure: String?
    private var lastSuccess: BootInstant

    package init(startedAt start: BootInstant) { lastSuccess = start }

    package mutating func onSlate(_ slate: ServedSlate, asked: BootInstant, answered: BootInstant) {
        onSuccess(asked: asked, answered: answered)
        slates += 1
        if slate.tier == "personal" { personalSlates += 1 }
        if slate.items.isEmpty { emptySlates += 1 }
        staleness.record(.milliseconds(Int64(clamping: slate.stalenessMilliseconds)))
    }

    package mutating func onReceipt(_ receipt: ReportReceipt, shown: Int, asked: BootInstant, answered: BootInstant) {
        onSuccess(asked: asked, answered: answered)
        eventsAcknowledged += UInt64(receipt.acknowledged.count)
        eventsDuplicate += UInt64(receipt.duplicates)
        interactionsShown += UInt64(shown)
        eventsRefused += UInt64(receipt.refusals.count)
        if receipt.isSettledForLocal { settledForLocal += 1 }
        for refusal in receipt.refusals { refusals.add(refusal) }
        if let refusal = receipt.refusals.last { lastFailure = "event refused: \(refusal)" }
    }

    package mutating func onSuccess(asked: BootInstant, answered: BootInstant) {
        requests += 1
        latency.record(answered.since(asked))
        longestGap = max(longestGap, answered.since(lastSuccess))
        lastSuccess = max(lastSuccess, answered)
    }

    /// Forgets the gaps before an outage that is made on purpose.
    package mutating func onKill() { longestGap = .zero }

    /// Whether all that was sent was taken: something was acknowledged, no event was refused and no call failed for good.
    package var isComplete: Bool { eventsAcknowledged > 0 && eventsRefused == 0 && failedCalls == 0 }

    package mutating func onFailure(_ failure: OperatorFailure) {
        failedCalls += 1
        failures.add(failure.reason)
        lastFailure = failure.message
    }
}
