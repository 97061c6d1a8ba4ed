// What a follower knows of the logs that it follows, and what it tells of them.

package import ClusterModel
package import EventLog

/// Which followed logs wait, are being read, or have stopped. A value of the follower.
struct ReplicaProgress: Sendable {
    /// Logs of which one shard or catalogue follows at most so many: regions times incarnations without agreed ends.
    static let maxLogs = 8_192
    /// Bytes folded in one go, before other work of the loop has its turn.
    static let bytesAtOnce = 1 << 20
    /// A read that fails is tried again after `ShardSettings.retryDelay`, doubled at most so often.
    static let maxDoublings = 6

    struct ReadFailure: Sendable {
        var count: Int
        var reason: String
    }

    /// What is known of a line's ends.
    struct ToldEnds: Equatable, Sendable {
        var base: EndsPoint
        var tip: EndsPoint?
    }

    var followed: Set<LogIdentity> = []
    /// Wait for another incarnation (S1, S1a).
    var held: Set<LogIdentity> = []
    /// Being read from the disk, or waiting to be read again.
    var reading: Set<LogIdentity> = []
    /// Logs whose last read failed.
    var failing: [LogIdentity: ReadFailure] = [:]
    /// Cannot be folded any further, and why (S3).
    var stopped: [LogIdentity: ApplyError] = [:]
    /// By origin what `onAgreed` has heard last.
    var toldAgreed: [RegionNumber: ToldEnds] = [:]

    /// The state is being folded anew (S1a): nothing is appended, folded or served meanwhile.
    var isRebuilding = false
    /// The state begins below what the engine still holds of some log, and waits for a snapshot of another member (S5).
    var isShort = false
    /// Why it was not done yet.
    var rebuildFailure: ReadFailure?
    /// The own incarnation's ends record is in its log.
    var hasAppendedEnds = false

    var failedReads: UInt64 = 0
    /// Logs that were not followed: there were `maxLogs` already.
    var refusedLogs: UInt64 = 0
    var rebuilds: UInt64 = 0
    var bootstraps: UInt64 = 0
    var freshness = FreshnessHistogram()

    func retryDelay(after failures: Int, standard: Duration) -> Duration {
        standard * (1 << min(max(0, failures - 1), Self.maxDoublings))
    }
}

/// What operators ask about the logs that a node follows, over one shard or all of a node.
package struct ReplicaFacts: Sendable {
    /// Logs that do not go on although there is more of them, and why: an alarm. A read that failed is among them until it
    /// succeeds.
    package var stopped: [(log: LogIdentity, reason: String)] = []
    /// Logs that wait for another incarnation of their origin; normal for moments (S1, S1a).
    package var held: [LogIdentity] = []
    package var followedLogs = 0
    /// Since the start.
    package var failedReads: UInt64 = 0
    package var refusedLogs: UInt64 = 0
    package var rebuilds: UInt64 = 0
    /// Shards, and the catalogue, that serve nobody now: they are folded anew, or cannot be.
    package var rebuilding = 0
    /// Shards that went on from another member's snapshot, since the start, and those that wait for one (S5).
    package var bootstraps: UInt64 = 0
    package var short = 0
    package var freshness = FreshnessHistogram()

    package init() {}

    /// `stopped` in the order of logs, as alarms name them.
    package var stoppedLogs: [StoppedLog] {
        stopped.sorted { $0.log < $1.log }.map { StoppedLog(log: $0.log, reason: $0.reason) }
    }

    package mutating func merge(_ other: ReplicaFacts) {
        stopped += other.stopped
        held += other.held
        followedLogs += other.followedLogs
        failedReads &+= other.failedReads
        refusedLogs &+= other.refusedLogs
        rebuilds &+= other.rebuilds
        rebuilding += other.rebuilding
        bootstraps &+= other.bootstraps
        short += other.short
        freshness.merge(other.freshness)
    }
}

extension LogFollower {
    var replicaFacts: ReplicaFacts {
        var facts = ReplicaFacts()
        for log in replica.stopped.keys.sorted() {
            if let error = replica.stopped[log] { facts.stopped.append((log, "\(error)")) }
        }
        for log in replica.failing.keys.sorted() {
            if let failure = replica.failing[log] { facts.stopped.append((log, failure.reason)) }
        }
        if let failure = replica.rebuildFailure {
            facts.stopped.append((appender.log, "the state cannot be folded anew: \(failure.reason)"))
        }
        facts.held = replica.held.sorted()
        facts.followedLogs = replica.followed.count
        facts.failedReads = replica.failedReads
        facts.refusedLogs = replica.refusedLogs
        facts.rebuilds = replica.rebuilds
        facts.rebuilding = replica.isRebuilding ? 1 : 0
        facts.bootstraps = replica.bootstraps
        facts.short = replica.isShort ? 1 : 0
        facts.freshness = replica.freshness
        return facts
    }
}
