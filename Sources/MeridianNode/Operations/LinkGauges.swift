// What the node's listeners have seen, as gauges: read when somebody scrapes.

import Metrics
import NodeEnvironment

/// `meridian_link_…`, labelled with the listener. The figures only grow while the node runs.
struct LinkGauges: Sendable {
    private let factory: any MetricsFactory

    init(factory: any MetricsFactory) { self.factory = factory }

    /// Call at each scrape. Never blocks.
    func collect(_ listener: any Listener, named name: String) {
        if let occupancy = listener.occupancy {
            for (label, value) in [
                ("open", occupancy.open), ("limit", occupancy.limit), ("waiting", occupancy.waiting),
            ] {
                Meter(
                    label: "meridian_link_connections_\(label)", dimensions: [("listener", name)], factory: factory
                ).set(value)
            }
        }
        for count in listener.counts {
            Meter(label: "meridian_link_\(count.name)", dimensions: [("listener", name)], factory: factory)
                .set(count.value)
        }
    }
}
