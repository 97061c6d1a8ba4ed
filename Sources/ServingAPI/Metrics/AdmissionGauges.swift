// Calls and bytes under way, as gauges: read when somebody scrapes, so that no call pays for them.

package import Metrics

/// Copies the figures of admission into gauges.
package struct AdmissionGauges: Sendable {
    private let admission: AdmissionControl
    private let calls: Meter
    private let bytes: Meter

    package init(_ admission: AdmissionControl, factory: any MetricsFactory) {
        self.admission = admission
        calls = Meter(label: "meridian_calls_in_flight", factory: factory)
        bytes = Meter(label: "meridian_request_in_flight_bytes", factory: factory)
    }

    /// Call at each scrape.
    package func collect() {
        calls.set(admission.callsInFlight)
        bytes.set(admission.bytesInFlight)
    }
}
