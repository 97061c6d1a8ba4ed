// Keeps every shard's popularity fresh: partials in, one snapshot out, about once a second.

import ClusterModel
package import NodeEnvironment

/// Gathers the partials that changed, sums them on a thread of its own, and gives the outcome to all shards. A value: each
/// round goes on from the one before.
package struct PopularityRefresh: Sendable {
    package static let interval: Duration = .seconds(1)

    private let router: ShardRouter
    private let clock: any NodeClock
    private let executor: any DedicatedExecutor
    private var totals = PopularityTotals()
    /// Scores move when a partial, the catalogue or the hour does; otherwise the last snapshot is the next one.
    private var last: (hour: UInt64, catalogue: Digest128)?

    package init(router: ShardRouter, clock: any NodeClock, executor: any DedicatedExecutor) {
        self.router = router
        self.clock = clock
        self.executor = executor
    }

    /// One round. The first gathers what every shard holds, restored counters included: a node takes it before it serves, so
    /// that a restart changes no answer.
    package mutating func refresh() async throws {
        let changed = await router.gather { shard, answer in answer(shard.changedPopularity()) }
        for (partition, partial) in changed.enumerated() {
            if let partial { totals.replace(PartitionID(UInt32(partition)), with: partial) }
        }
        let (current, now, catalogue) = (totals, clock.wallTime(), router.catalogue())
        let state = (hour: now.milliseconds / PopularityPartial.bucketMilliseconds, catalogue: catalogue.digest)
        guard changed.contains(where: { $0 != nil }) || last.map({ $0 != state }) ?? true else { return }
        last = state
        router.replacePopularity(try await executor.run { current.snapshot(at: now, catalogue: catalogue) })
    }

    /// Runs until it is cancelled.
    package consuming func run() async throws {
        while true {
            try await refresh()
            try await clock.sleep(for: Self.interval)
        }
    }
}
