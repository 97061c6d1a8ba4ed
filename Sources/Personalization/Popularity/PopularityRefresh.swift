// Keeps every shard's popularity fresh: partials in, one snapshot out, about once a second.

import ClusterModel
package import NodeEnvironment

/// Gathers the partials that changed, sums them on a thread of its own, and gives the outcome to all shards.
package struct PopularityRefresh: Sendable {
    package static let interval: Duration = .seconds(1)

    private let router: ShardRouter
    private let clock: any NodeClock
    private let executor: any DedicatedExecutor

    package init(router: ShardRouter, clock: any NodeClock, executor: any DedicatedExecutor) {
        self.router = router
        self.clock = clock
        self.executor = executor
    }

    /// Runs until it is cancelled.
    package func run() async throws {
        var totals = PopularityTotals()
        // Scores move when a partial, the catalogue or the hour does; otherwise the last snapshot is the next one.
        var last: (hour: UInt64, catalogue: Digest128)?
        while true {
            let changed = await router.gather { shard, answer in answer(shard.changedPopularity()) }
            for (partition, partial) in changed.enumerated() {
                if let partial { totals.replace(PartitionID(UInt32(partition)), with: partial) }
            }
            let (current, now, catalogue) = (totals, clock.wallTime(), router.catalogue())
            let state = (hour: now.milliseconds / PopularityPartial.bucketMilliseconds, catalogue: catalogue.digest)
            if changed.contains(where: { $0 != nil }) || last.map({ $0 != state }) ?? true {
                last = state
                router.replacePopularity(try await executor.run { current.snapshot(at: now, catalogue: catalogue) })
            }
            try await clock.sleep(for: Self.interval)
        }
    }
}
