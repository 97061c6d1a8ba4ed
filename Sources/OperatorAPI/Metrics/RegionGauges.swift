// Mirrors, clocks and the node's state as gauges: read when somebody scrapes.

import ClusterModel
import EventLog
import Metrics

/// Copies what a node knows of other regions into gauges. One of each a peer region, labelled with its name.
struct RegionGauges: Sendable {
    private let factory: any MetricsFactory
    private let unmirrored: Meter
    private let clockState: Meter

    init(factory: any MetricsFactory) {
        self.factory = factory
        unmirrored = Meter(label: "meridian_mirror_unmirrored_events", factory: factory)
        clockState = Meter(label: "meridian_clock_state", factory: factory)
    }

    /// Call at each scrape. Never blocks.
    func collect(_ control: any NodeControl) {
        if let events = control.unmirrored { unmirrored.set(events) }
        clockState.set(Self.rank(control.clock))
        // Exactly one of the states is 1.
        let state = control.state
        for one in NodeState.allCases {
            Meter(label: "meridian_node_state", dimensions: [("state", one.rawValue)], factory: factory)
                .set(one == state ? 1 : 0)
        }
        let mirrors = control.mirrors
        for mirror in mirrors { collect(mirror) }
        collect(control.credentials)
        collect(
            NodeAlarm.all(
                state: state, clock: control.clock, mirrors: mirrors, replicas: control.stoppedReplicas,
                upkeep: control.upkeep, bootstrap: control.bootstrap, credentials: control.credentials,
                occupancies: control.occupancies, occupancy: control.occupancy, unserved: control.unserved))
    }

    /// How many alarms of each name stand.
    private func collect(_ alarms: [NodeAlarm]) {
        for name in NodeAlarm.Name.allCases {
            Meter(label: "meridian_alarms", dimensions: [("name", name.rawValue)], factory: factory)
                .set(Double(alarms.count { $0.name == name }))
        }
    }

    /// The end that comes first of each kind, in whole days; negative once it is over.
    private func collect(_ credentials: [CredentialExpiry]) {
        for kind in CredentialExpiry.Kind.allCases {
            guard let least = credentials.filter({ $0.kind == kind }).map(\.secondsLeft).min() else { continue }
            Meter(label: "meridian_credential_days_left", dimensions: [("kind", kind.rawValue)], factory: factory)
                .set((Double(least) / 86_400).rounded(.down))
        }
    }

    private func collect(_ mirror: MirrorFacts) {
        gauge("connected", mirror, mirror.isConnected ? 1 : 0)
        gauge("lag_events", mirror, Double(mirror.lagEvents))
        gauge("lag_ms", mirror, Double(mirror.lagMilliseconds))
        gauge("lag_seconds", mirror, Double(mirror.lagMilliseconds) / 1_000)
        gauge("lag_p50_ms", mirror, mirror.lagP50Milliseconds)
        gauge("lag_p99_ms", mirror, mirror.lagP99Milliseconds)
        gauge("silence_seconds", mirror, mirror.sinceHeard.map { Double($0.wholeMilliseconds) / 1_000 })
        gauge("clock_offset_ms", mirror, mirror.clockOffsetMilliseconds.map { Double($0) })
        gauge("stopped_logs", mirror, Double(mirror.stopped.count))
        gauge("standing_logs", mirror, Double(mirror.standing.count))
        gauge("silent_seconds", mirror, mirror.silentFor.map { Double($0.wholeMilliseconds) / 1_000 })
        gauge("terms_differ", mirror, Double(mirror.findings.count))
        gauge("link_refused", mirror, mirror.findings.contains { $0.kind.refuses } ? 1 : 0)
        gauge("received_bytes", mirror, Double(mirror.receivedBytes))
        gauge("lost_links", mirror, Double(mirror.lostLinks))
    }

    /// What is not known is not a number: a value of an hour ago would look like one of now.
    private func gauge(_ name: String, _ mirror: MirrorFacts, _ value: Double?) {
        Meter(label: "meridian_mirror_\(name)", dimensions: [("region", mirror.name)], factory: factory)
            .set(value ?? .nan)
    }

    /// 0 trusted, 1 alarm, 2 refusing.
    private static func rank(_ verdict: ClockVerdict) -> Int {
        switch verdict {
        case .trusted: 0
        case .alarm: 1
        case .refusing: 2
        }
    }
}
