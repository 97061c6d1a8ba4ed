// Counters of what was refused and what became of events.

package import Metrics

/// Refusals by reason, events by outcome.
package final class ServingMetrics: Sendable {
    /// Indexed like `ErrorReason.allCases`.
    private let refusals: [ErrorReason: Counter]
    private let eventRefusals: [EventRefusal: Counter]
    private let applied: Counter
    private let duplicate: Counter

    package init(factory: any MetricsFactory) {
        func counters<Key: RawRepresentable<String>>(_ label: String, _ name: String, _ keys: [Key]) -> [Key: Counter] {
            let pairs = keys.map {
                ($0, Counter(label: label, dimensions: [(name, $0.rawValue)], factory: factory))
            }
            return Dictionary(uniqueKeysWithValues: pairs)
        }
        func outcome(_ name: String) -> Counter {
            Counter(label: "meridian_events_total", dimensions: [("outcome", name)], factory: factory)
        }
        refusals = counters("meridian_refusals_total", "reason", ErrorReason.allCases)
        eventRefusals = counters("meridian_event_refusals_total", "code", EventRefusal.allCases)
        applied = outcome("applied")
        duplicate = outcome("duplicate")
    }

    /// A call ended with this reason.
    package func refused(_ reason: ErrorReason) { refusals[reason]?.increment() }

    /// An event of an answered call was refused.
    func eventRefused(_ refusal: EventRefusal) { eventRefusals[refusal]?.increment() }

    func eventsCounted(applied appliedCount: Int, duplicate duplicateCount: Int) {
        if appliedCount > 0 { applied.increment(by: appliedCount) }
        if duplicateCount > 0 { duplicate.increment(by: duplicateCount) }
    }
}
