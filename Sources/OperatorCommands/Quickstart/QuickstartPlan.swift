// What a quick start is asked to do.

import NodeEnvironment

/// The options of `meridian quickstart`, checked.
package struct QuickstartPlan: Hashable, Sendable {
    /// The `meridiand` to start.
    package var nodeBinary: String
    /// Nil for generated input.
    package var data: String?
    /// Of the whole replay, outage included.
    package var duration: Duration
    /// Events a second.
    package var rate: Double
    package var seed: UInt64
    /// Whether the node is killed in the middle.
    package var kills: Bool
    /// Whether the node's directory stays.
    package var keeps: Bool

    package init(
        nodeBinary: String, data: String?, duration: Duration, rate: Double, seed: UInt64, kills: Bool, keeps: Bool
    ) {
        self.nodeBinary = nodeBinary
        self.data = data
        self.duration = duration
        self.rate = rate
        self.seed = seed
        self.kills = kills
        self.keeps = keeps
    }

    package var replay: ReplayPlan { ReplayPlan(eventsPerSecond: rate, duration: duration, seed: seed) }
}

/// Times that a quick start allows.
package enum QuickstartLimits {
    /// From the start of a node's process until it serves; a long log takes its time.
    package static let start: Duration = .seconds(60)
    /// From SIGTERM to the end of the process.
    package static let stop: Duration = .seconds(30)
    /// From SIGKILL to the end of the process.
    package static let death: Duration = .seconds(10)
    /// Until everything acknowledged or not is on the disk, once traffic has ended.
    package static let settle: Duration = .seconds(10)
    /// A call with all its retries: longer than a restart takes, so that an outage delays events and loses none.
    package static let call: Duration = .seconds(60)
    /// Starts on other ports when another process took the chosen ones.
    package static let startAttempts = 3
}
