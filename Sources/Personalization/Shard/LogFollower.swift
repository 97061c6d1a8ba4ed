// How an actor folds logs that other regions wrote: flushed batches only (S6), from memory where they are still there,
// from the disk otherwise, and again when a log that they waited for has moved.

import ActorCluster
package import ClusterModel
import Distributed
import EventLog
import NodeEnvironment

/// Which followed logs wait, are being read, or have stopped. A value of the follower.
package struct ReplicaProgress: Sendable {
    /// Logs of which one shard or catalogue follows at most so many: regions times incarnations without agreed ends.
    package static let maxLogs = 1_024
    /// Bytes folded in one go, before other work of the loop has its turn.
    static let bytesAtOnce = 1 << 20

    var followed: Set<LogIdentity> = []
    /// Wait for another incarnation (S1, S1a).
    var held: Set<LogIdentity> = []
    /// Being read from the disk.
    var reading: Set<LogIdentity> = []
    /// Cannot be folded any further, and why (S3).
    package internal(set) var stopped: [LogIdentity: ApplyError] = [:]
    /// Logs that were not followed: there were `maxLogs` already.
    package internal(set) var refusedLogs: UInt64 = 0
    /// By origin the writer of the newest agreed ends that `onAgreed` has heard of.
    var toldAgreed: [RegionNumber: Incarnation] = [:]

    package init() {}
}

/// The extension runs on the actor's loop.
protocol LogFollower: OriginLogOwner {
    associatedtype State: LogFold
    var state: State { get }
    var replica: ReplicaProgress { get set }
    /// Whether the own log has ended: memory is discarded and nothing is folded into it.
    var isFenced: Bool { get }
    func fold(_ batch: EncodedBatch) throws(ApplyError) -> BatchOutcome
    /// Something was folded.
    func onFolded()
}

extension LogFollower {
    /// Folds a log from now on: what is flushed already, and what will be. Idempotent. Beyond the bound it is counted
    /// and not followed. The own log is folded where it is written.
    func follow(_ log: LogIdentity) {
        guard log != appender.log, !isFenced else { return }
        guard !replica.followed.contains(log) else { return catchUp(log) }
        guard replica.followed.count < ReplicaProgress.maxLogs else {
            replica.refusedLogs += 1
            return
        }
        replica.followed.insert(log)
        shell.log.observe(log, on: shell.executor, FollowedLogWatcher(follower: self))
        catchUp(log)
    }

    /// Tells `onAgreed` what it has not heard yet. Complexity: O(origins).
    func tellAgreed() {
        for agreed in state.lines.agreedEnds where replica.toldAgreed[agreed.region] != agreed.by {
            replica.toldAgreed[agreed.region] = agreed.by
            let own = appender.log.name
            let name = LogName(region: agreed.region, topic: own.topic, partition: own.partition)
            shell.onAgreed(AgreedEnds(name: name, writer: agreed.by, ends: agreed.ends))
        }
    }

    /// Folds what is flushed of a log and not yet folded.
    func catchUp(_ log: LogIdentity) {
        guard !isFenced, replica.stopped[log] == nil, !replica.reading.contains(log) else { return }
        let next = state.lines.next(in: log.name.region, log.incarnation)
        guard next < shell.log.flushedEnd(of: log) else { return }
        guard let batches = shell.log.recent(log, from: next, maxBytes: ReplicaProgress.bytesAtOnce) else {
            return read(log, from: next)
        }
        foldAll(batches, of: log)
    }

    private func foldAll(_ batches: [EncodedBatch], of log: LogIdentity) {
        var isFolded = false
        for batch in batches {
            do {
                switch try fold(batch) {
                case .applied: isFolded = true
                case .known: continue
                case .held:
                    replica.held.insert(log)
                    return finish(isFolded, log, more: false)
                case .quarantined: return finish(isFolded, log, more: false)
                }
            } catch {
                replica.stopped[log] = error
                return finish(isFolded, log, more: false)
            }
        }
        replica.held.remove(log)
        finish(isFolded, log, more: true)
    }

    private func finish(_ isFolded: Bool, _ log: LogIdentity, more: Bool) {
        if isFolded {
            onFolded()
            tellAgreed()
            let waiting = replica.held.filter { $0.name == log.name && $0 != log }.sorted()
            for other in waiting { again(other) }
        }
        if more, isFolded { again(log) }
    }

    /// In a turn of its own, so that a long catch-up leaves the loop to others in between.
    private func again(_ log: LogIdentity) {
        shell.executor.execute { [self] in assumeIsolated { $0.catchUp(log) } }
    }

    private func read(_ log: LogIdentity, from next: Offset) {
        replica.reading.insert(log)
        let (engine, executor) = (shell.log, shell.executor)
        shell.disk.execute { [self] in
            // What cannot be read now is tried again with the next flush of this log.
            let batches = (try? engine.read(log, from: next, maxBytes: ReplicaProgress.bytesAtOnce)) ?? []
            executor.execute {
                self.assumeIsolated { follower in
                    follower.replica.reading.remove(log)
                    follower.foldAll(batches, of: log)
                }
            }
        }
    }
}

/// Tells a follower that more of a log is flushed.
private final class FollowedLogWatcher<Follower: LogFollower>: LogObserver {
    private let follower: Follower

    init(follower: Follower) { self.follower = follower }

    func logFlushed(_ log: LogIdentity, to end: Offset) { follower.assumeIsolated { $0.catchUp(log) } }

    func logFenced(_ log: LogIdentity, because error: EventLogError) {
        // The own log of the follower hears the same and fences it.
    }
}
