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
    package var regions = 1
    /// Whether a node is killed in the middle.
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

    /// Above this rate a user's events are reported many at a time, or the calls would cost this machine all it has.
    private static let singleReportRate = 2_500.0
    private static let eventsPerReport = 64
    /// With several regions, the share of reports that ask for another region too.
    private static let remoteShare = 0.1

    package var replay: ReplayPlan {
        var replay = ReplayPlan(eventsPerSecond: rate, duration: duration, seed: seed)
        if rate > Self.singleReportRate { replay.eventsPerReport = Self.eventsPerReport }
        guard regions > 1 else { return replay }
        replay.remoteShare = Self.remoteShare
        // Reports that wait for a region that is away must not hold up the others.
        replay.window = 256
        return replay
    }
}

/// Times that a quick start allows.
package enum QuickstartLimits {
    /// From the start of a node's process until it serves; a long log takes its time.
    package static let start: Duration = .seconds(60)
    /// At least so often is a starting node asked, however long that takes.
    static let leastAsks = 20
    /// From SIGTERM to the end of the process.
    package static let stop: Duration = .seconds(30)
    /// From SIGKILL to the end of the process.
    package static let death: Duration = .seconds(10)
    /// Until everything acknowledged or not is on the disk, once traffic has ended.
    package static let settle: Duration = .seconds(10)
    /// Between two looks at what survivors hold: longer than what is under way to them takes.
    package static let stillness: Duration = .milliseconds(50)
    /// How long before the end of the traffic the lag of mirrors is looked at.
    package static let lagLook: Duration = .milliseconds(200)
    /// Until a region that returned holds what the others hold, and until all are equal once traffic has ended.
    package static let catchUp: Duration = .seconds(30)
    /// A call with all its retries: longer than a restart takes, so that an outage delays events and loses none.
    package static let call: Duration = .seconds(60)
    /// Starts on other ports when another process took the chosen ones.
    package static let startAttempts = 3
}
