// Counters of what was refused and what became of events.

package import Metrics

/// Refusals by reason, events by outcome.
package final class ServingMetrics: Sendable {
    /// Indexed like `ErrorReason.allCases`.
    private let refusals: [ErrorReason: Counter]
    private let eventRefusals: [EventRefusal: Counter]
    /// By class, then by reason.
    private let shed: [[ErrorReason: Counter]]
    private let expired: [Counter]
    private let applied: Counter
    private let duplicate: Counter
    private let ignored: [ContextField: Counter]
    private let unopened: Counter

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
        func counter(_ label: String, _ priority: CallPriority, _ reason: ErrorReason?) -> Counter {
            let dimensions = [("class", priority.name)] + (reason.map { [("reason", $0.rawValue)] } ?? [])
            return Counter(label: label, dimensions: dimensions, factory: factory)
        }
        shed = CallPriority.allCases.map { priority in
            Dictionary(
                uniqueKeysWithValues: Self.shedding.map {
                    ($0, counter("meridian_admission_refusals_total", priority, $0))
                })
        }
        expired = CallPriority.allCases.map { counter("meridian_admission_expired_total", $0, nil) }
        applied = outcome("applied")
        duplicate = outcome("duplicate")
        ignored = counters("meridian_context_fields_ignored_total", "field", ContextField.allCases)
        unopened = Counter(label: "meridian_sessions_unopened_total", factory: factory)
    }

    /// Why load refuses calls.
    static let shedding: [ErrorReason] = [
        .queueTooOld, .flushOverdue, .tooManyCalls, .tooManyBytes, .clientShareSpent,
    ]

    /// A call of a class was refused at the door; `refused` counts it too.
    func shed(_ priority: CallPriority, _ reason: ErrorReason) { shed[priority.rawValue][reason]?.increment() }

    /// A call was not begun, since its deadline had passed while it waited.
    func expired(_ priority: CallPriority) { expired[priority.rawValue].increment() }

    /// A call ended with this reason.
    package func refused(_ reason: ErrorReason) { refusals[reason]?.increment() }

    /// A read was served without its session, whose token is of a key that is not here.
    func sessionUnopened() { unopened.increment() }

    /// An event of an answered call was refused.
    func eventRefused(_ refusal: EventRefusal) { eventRefusals[refusal]?.increment() }

    /// A field of a request's context counted as absent: it said nothing that this version understands.
    func contextIgnored(_ field: ContextField) { ignored[field]?.increment() }

    func eventsCounted(applied appliedCount: Int, duplicate duplicateCount: Int) {
        if appliedCount > 0 { applied.increment(by: appliedCount) }
        if duplicateCount > 0 { duplicate.increment(by: duplicateCount) }
    }
}

/// The fields of `RequestContext`, as metrics name them.
enum ContextField: String, Hashable, Sendable, CaseIterable {
    case surface
    case language
    case country
}
