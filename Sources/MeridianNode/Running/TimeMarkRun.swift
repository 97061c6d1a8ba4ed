// Gives idle logs their time marks (S2).

package import ClusterModel
package import NodeEnvironment
package import Personalization

/// Looks at all shards every half interval M, so that an idle log of users is never silent for longer than one and a half, nor
/// the catalogue's while withdrawn ids wait for its time.
package struct TimeMarkRun: Sendable {
    private let router: ShardRouter
    private let clock: any NodeClock
    private let interval: Duration

    package init(router: ShardRouter, clock: any NodeClock, bounds: TimeBounds) {
        self.router = router
        self.clock = clock
        interval = bounds.timeMarkInterval / 2
    }

    /// Runs until it is cancelled.
    package func run() async throws {
        while true {
            try await clock.sleep(for: interval)
            router.markTimes()
        }
    }
}
