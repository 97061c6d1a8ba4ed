// What is fetched from other members as gauges: read when somebody scrapes.

import Metrics

/// `meridian_bootstrap_…`.
struct BootstrapGauges: Sendable {
    private let factory: any MetricsFactory

    init(factory: any MetricsFactory) { self.factory = factory }

    /// Call at each scrape. Never blocks.
    func collect(_ facts: BootstrapFacts) {
        gauge("waiting", Double(facts.waiting))
        gauge("done", Double(facts.done))
        gauge("bytes", Double(facts.bytes))
        gauge("position_bytes", Double(facts.position))
        gauge("length_bytes", Double(facts.length))
    }

    private func gauge(_ name: String, _ value: Double) {
        Meter(label: "meridian_bootstrap_\(name)", factory: factory).set(value)
    }
}
