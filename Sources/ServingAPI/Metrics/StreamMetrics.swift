// Figures of streams: counters as things happen, gauges when somebody scrapes.

import ClusterModel
package import Metrics
import Personalization
import Synchronization

/// What operators see of consumers. Groups are at most `StreamGroups.maxGroups`, and so are the gauges of their lag.
package final class StreamMetrics: Sendable {
    private let factory: any MetricsFactory
    private let effects: Counter
    private let replies: Counter
    private let skips: Counter
    private let replays: Counter
    private let revoked: Counter
    private let commits: Counter
    private let failures: Counter
    private let subscribers: Meter
    private let running: Meter
    private let groups: Meter
    private let damaged: Meter
    private let told = Mutex((replays: UInt64(0), revoked: UInt64(0), commits: UInt64(0), failures: UInt64(0)))
    private let measured = Mutex<Set<StreamGroup>>([])

    package init(_ door: EffectDoor, factory: any MetricsFactory) {
        self.factory = factory
        func counter(_ label: String) -> Counter { Counter(label: label, factory: factory) }
        effects = counter("meridian_stream_effects_total")
        replies = counter("meridian_stream_replies_total")
        skips = counter("meridian_stream_skips_total")
        replays = counter("meridian_stream_replays_total")
        revoked = counter("meridian_stream_replays_revoked_total")
        commits = counter("meridian_stream_commits_total")
        failures = counter("meridian_stream_commit_failures_total")
        subscribers = Meter(label: "meridian_stream_subscribers", factory: factory)
        running = Meter(label: "meridian_stream_replays_running", factory: factory)
        groups = Meter(label: "meridian_stream_groups", factory: factory)
        damaged = Meter(label: "meridian_stream_groups_damaged", factory: factory)
    }

    func onReply(effects count: Int) {
        replies.increment()
        if count > 0 { effects.increment(by: count) }
    }

    /// So many partitions went on behind what is trimmed.
    func onSkipped(partitions count: Int) {
        if count > 0 { skips.increment(by: count) }
    }

    /// A group that was forgotten is behind no more.
    func collect(_ door: EffectDoor, subscribers count: Int, lags: [(StreamGroup, StreamLag)]) {
        let counts = door.groups.counts
        let now = (
            replays: door.source.replaysBegun, revoked: door.source.replaysRevoked, commits: counts.commits,
            failures: counts.failures
        )
        let before = told.withLock { told in
            defer { told = now }
            return told
        }
        replays.increment(by: Int(clamping: now.replays - min(now.replays, before.replays)))
        revoked.increment(by: Int(clamping: now.revoked - min(now.revoked, before.revoked)))
        commits.increment(by: Int(clamping: now.commits - min(now.commits, before.commits)))
        failures.increment(by: Int(clamping: now.failures - min(now.failures, before.failures)))
        subscribers.set(count)
        running.set(door.source.replaysRunning)
        groups.set(lags.count)
        damaged.set(counts.damaged)
        let gone = measured.withLock { measured in
            defer { measured = Set(lags.map(\.0)) }
            return measured.subtracting(lags.map(\.0)).sorted()
        }
        for (group, lag) in lags + gone.map({ ($0, StreamLag()) }) {
            let names = [("group", group.name), ("topic", group.topic.rawValue)]
            Meter(label: "meridian_stream_lag_events", dimensions: names, factory: factory).set(Double(lag.records))
            Meter(label: "meridian_stream_lag_seconds", dimensions: names, factory: factory)
                .set(Double(lag.age.signedMilliseconds) / 1_000)
        }
    }
}
