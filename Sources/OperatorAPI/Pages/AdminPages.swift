// The pages of the admin port, for probes, scrapers and people: plain HTTP on loopback, no personal data.

import ClusterModel
package import NodeEnvironment

/// `/metrics`, `/healthz`, `/readyz`, `/statusz`.
package struct AdminPages: PageHandler {
    private let control: any NodeControl
    private let metrics: MetricsRegistry

    /// Every scrape of `/metrics` also has what `control` knows of mirrors and clocks.
    package init(control: any NodeControl, metrics: MetricsRegistry) {
        self.control = control
        self.metrics = metrics
        metrics.addCollector { [gauges = RegionGauges(factory: metrics)] in gauges.collect(control) }
        metrics.addCollector { [gauges = LogUpkeepGauges(factory: metrics)] in gauges.collect(control.upkeep) }
        metrics.addCollector { [gauges = BootstrapGauges(factory: metrics)] in gauges.collect(control.bootstrap) }
        metrics.addCollector { [gauges = OccupancyGauges(factory: metrics)] in gauges.collect(control.occupancy) }
    }

    package func page(at path: String, answer: @escaping @Sendable (Page) -> Void) {
        switch path {
        // Alive is who answers.
        case "/healthz": answer(Page(body: "ok\n"))
        case "/readyz": answer(readiness())
        case "/metrics": answer(Page(contentType: PrometheusText.contentType, body: metrics.page()))
        case "/statusz": answer(Page(contentType: "application/json", body: StatusDocument(control).text))
        default: answer(.notFound)
        }
    }

    /// 200 only where the node takes every call.
    private func readiness() -> Page {
        let state = control.state
        return Page(status: state == .active ? 200 : 503, body: "\(state.rawValue)\n")
    }
}
