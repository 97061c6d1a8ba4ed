// Counters of calls. Handles are resolved once; counting a call is an index and a few atomic additions.

import ClusterModel
package import GRPCFraming
package import Metrics

/// Calls by service, method and status, and how long they took.
package final class CallMetrics: Sendable {
    /// By method and status: `method * statuses + code`.
    private let finished: [Counter]
    private let durations: [Metrics.Timer]

    private static let statuses = RPCStatusCode.allCases.count

    /// `methods` are paths such as `/package.Service/Method`; their indices are the methods of `record`.
    package init(methods: [String], factory: any MetricsFactory) {
        var finished: [Counter] = []
        var durations: [Metrics.Timer] = []
        for path in methods {
            let parts = path.split(separator: "/")
            let names = [("service", String(parts.first ?? "")), ("method", String(parts.last ?? ""))]
            for code in RPCStatusCode.allCases {
                finished.append(
                    Counter(
                        label: "meridian_calls_total", dimensions: names + [("status", "\(code)")], factory: factory))
            }
            durations.append(
                Metrics.Timer(label: "meridian_call_duration_seconds", dimensions: names, factory: factory))
        }
        self.finished = finished
        self.durations = durations
    }

    /// Counts a call that ended. From any thread.
    package func record(method: Int, code: RPCStatusCode, duration: Duration) {
        guard durations.indices.contains(method) else { return }
        finished[method * Self.statuses + code.rawValue].increment()
        durations[method].recordNanoseconds(duration.signedNanoseconds)
    }
}
