// Calls and bytes under way, and how old what waits is, as gauges: read when somebody scrapes, so that no call pays for
// them.

package import Metrics
package import NodeEnvironment

/// Copies the figures of admission into gauges.
package struct AdmissionGauges: Sendable {
    private let admission: AdmissionControl
    private let calls: Meter
    private let bytes: Meter
    private let queueAge: Meter
    private let flushAge: Meter
    private let shares: [Meter]
    private let clock: any NodeClock

    package init(_ admission: AdmissionControl, clock: any NodeClock, factory: any MetricsFactory) {
        self.admission = admission
        self.clock = clock
        queueAge = Meter(label: "meridian_admission_queue_age_seconds", factory: factory)
        flushAge = Meter(label: "meridian_admission_flush_age_seconds", factory: factory)
        shares = CallPriority.allCases.map {
            Meter(label: "meridian_admission_share_ratio", dimensions: [("class", $0.name)], factory: factory)
        }
        calls = Meter(label: "meridian_calls_in_flight", factory: factory)
        bytes = Meter(label: "meridian_request_in_flight_bytes", factory: factory)
    }

    /// Call at each scrape.
    package func collect() {
        calls.set(admission.callsInFlight)
        bytes.set(admission.bytesInFlight)
        let load = admission.load
        queueAge.set(load.queueAge / .seconds(1))
        flushAge.set(admission.flushes.oldestAge(at: clock.bootTime()) / .seconds(1))
        for (meter, share) in zip(shares, load.shares) { meter.set(share) }
    }
}
