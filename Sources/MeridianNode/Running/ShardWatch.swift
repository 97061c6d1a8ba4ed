// Notices that some of the node's users cannot be served for long, and that logs are not folded on: probes and operators are
// told, and no call has to fail first.

import ClusterModel
import EventLog
import Logging
import NodeEnvironment
import Personalization

/// How long states have served nobody. A value.
struct UnservedStates: Hashable, Sendable {
    /// A state that is folded anew serves again in moments, as a rule; what takes longer is told.
    static let patience: Duration = .seconds(30)

    private var since: BootInstant?

    /// `count`: states that serve nobody now. As many are told; 0 while they may still come back in time.
    mutating func onLook(_ count: Int, at now: BootInstant) -> Int {
        guard count > 0 else {
            since = nil
            return 0
        }
        let began = since ?? now
        since = began
        return now.since(began) >= Self.patience ? count : 0
    }
}

/// Asks the shards, every few seconds.
struct ShardWatch: Sendable {
    static let interval: Duration = .seconds(5)
    /// Stopped logs that are kept for pages and metrics.
    static let maxStopped = 1_024

    let router: ShardRouter
    let status: NodeStatus
    let clock: any NodeClock
    let logger: Logger

    /// Runs until it is cancelled.
    func run() async throws {
        var states = UnservedStates()
        var told = 0
        while true {
            let facts = await router.replicaFacts()
            let count = states.onLook(facts.rebuilding, at: clock.bootTime())
            status.onUnserved(count)
            if (count > 0) != (told > 0) { tell(count) }
            told = count
            status.onStoppedReplicas(Array(facts.stoppedLogs.prefix(Self.maxStopped)))
            try await clock.sleep(for: Self.interval)
        }
    }

    private func tell(_ count: Int) {
        guard count > 0 else { return logger.notice("every user can be served again") }
        logger.error(
            "some users cannot be served; see Runbooks/mirror-stopped.md",
            metadata: ["states": "\(count)", "for": "\(UnservedStates.patience)"])
    }
}
