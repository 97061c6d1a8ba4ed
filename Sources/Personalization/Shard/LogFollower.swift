// How an actor folds logs that other regions wrote: flushed batches only (S6), from memory where they are still there,
// from the disk otherwise, and again when a log that they waited for has moved.

import ActorCluster
import ClusterModel
import Distributed
import EventLog
import NodeEnvironment

/// The extension runs on the actor's loop.
protocol LogFollower: OriginLogOwner {
    associatedtype State: LogFold
    var state: State { get }
    /// A state that has folded nothing.
    var emptyState: State { get }
    var replica: ReplicaProgress { get set }
    /// Own records of which a state that is folded aside has to hear; nil while there is none.
    var ownTail: OwnTail? { get set }
    /// Whether the own log has ended: memory is discarded and nothing is folded into it.
    var isFenced: Bool { get }
    func fold(_ batch: EncodedBatch) throws(ApplyError) -> BatchOutcome
    /// Tells the state what is known of ends.
    func changeLines(_ body: @Sendable (inout OriginLines) -> Void)
    /// Puts a state that was folded anew in the place of the former.
    func adopt(_ state: State)
    /// Appends the ends record that the lines hold as proposed, stamped without an untrusted clock's word.
    func appendEnds(_ ends: EndsRecord) throws(ShardError)
    /// The own ends record is applied.
    func onEndsConfirmed()
    /// Something was folded.
    func onFolded()
}

extension LogFollower {
    func onEndsConfirmed() {}

    /// Folds a log from now on: what is flushed already, and what will be. Idempotent. Beyond the bound it is counted
    /// and not followed. The own log is folded where it is written.
    func follow(_ log: LogIdentity) {
        guard log != appender.log, !isFenced, !isSettled(log) else { return }
        guard !replica.followed.contains(log) else { return catchUp(log) }
        guard replica.followed.count < ReplicaProgress.maxLogs else {
            replica.refusedLogs += 1
            return
        }
        replica.followed.insert(log)
        shell.log.observe(log, on: shell.executor, FollowedLogWatcher(follower: self))
        catchUp(log)
    }

    /// Folds what is flushed of a log and not yet folded.
    func catchUp(_ log: LogIdentity) {
        guard !isFenced, !replica.isRebuilding, replica.stopped[log] == nil, !replica.reading.contains(log),
            !isSettled(log)
        else { return }
        let next = state.lines.next(in: log.name.region, log.incarnation)
        guard next < shell.log.flushedEnd(of: log) else { return }
        guard let batches = shell.log.recent(log, from: next, maxBytes: ReplicaProgress.bytesAtOnce) else {
            if let base = shell.log.summary(of: log)?.base,
                state.lines.covered(of: log.incarnation, in: log.name.region) < base
            {
                return becomeShort()
            }
            return read(log, from: next)
        }
        foldAll(batches, of: log)
    }

    private func foldAll(_ batches: [EncodedBatch], of log: LogIdentity) {
        guard !isFenced, !replica.isRebuilding else { return }
        var (isFolded, more) = (false, true)
        for batch in batches where more {
            do {
                switch try fold(batch) {
                case .applied:
                    isFolded = true
                    replica.freshness.record(batch.header.lastStamp, at: shell.clock.wallTime())
                case .known: continue
                case .held:
                    replica.held.insert(log)
                    more = false
                case .quarantined: more = false
                }
            } catch .endDiffers {
                more = false  // The ends are known now: what was applied beyond them shows below.
            } catch {
                replica.stopped[log] = error
                more = false
            }
        }
        if more { replica.held.remove(log) }
        finish(isFolded, log, more: more)
        rebuildWhereNeeded()
    }

    private func finish(_ isFolded: Bool, _ log: LogIdentity, more: Bool) {
        if isFolded {
            onFolded()
            tellAgreed()
            appendProposedEnds()
            let waiting = replica.held.filter { $0.name == log.name && $0 != log }.sorted()
            for other in waiting { again(other) }
        }
        if more, isFolded { again(log) }
    }

    /// In a turn of its own, so that a long catch-up leaves the loop to others in between.
    private func again(_ log: LogIdentity) {
        shell.executor.execute { [self] in assumeIsolated { $0.catchUp(log) } }
    }
}

// MARK: Reading

extension LogFollower {
    private func read(_ log: LogIdentity, from next: Offset) {
        replica.reading.insert(log)
        let (engine, executor) = (shell.log, shell.executor)
        shell.disk.execute { [self] in
            let outcome = Result { () throws(EventLogError) in
                try engine.read(log, from: next, maxBytes: ReplicaProgress.bytesAtOnce)
            }
            executor.execute { self.assumeIsolated { $0.onRead(outcome, of: log) } }
        }
    }

    private func onRead(_ outcome: Result<[EncodedBatch], EventLogError>, of log: LogIdentity) {
        switch outcome {
        case .success(let batches) where !batches.isEmpty:
            replica.reading.remove(log)
            replica.failing[log] = nil
            foldAll(batches, of: log)
        case .success: onFailedRead(of: log, "the log has bytes that were not found")
        case .failure(let error) where error.code == .trimmed:
            replica.reading.remove(log)
            becomeShort()
        case .failure(let error): onFailedRead(of: log, "\(error)")
        }
    }

    /// Tries again after a while, whether or not more is flushed meanwhile: until then the log counts as being read.
    private func onFailedRead(of log: LogIdentity, _ reason: String) {
        replica.failedReads += 1
        let count = (replica.failing[log]?.count ?? 0) + 1
        replica.failing[log] = ReplicaProgress.ReadFailure(count: count, reason: reason)
        wake(after: replica.retryDelay(after: count, standard: shell.settings.retryDelay)) { follower in
            follower.replica.reading.remove(log)
            follower.catchUp(log)
        }
    }

    /// Runs `body` on the loop after a while.
    func wake(after delay: Duration, _ body: @escaping @Sendable (isolated Self) -> Void) {
        let due = shell.clock.bootTime().advanced(by: delay)
        _ = shell.executor.schedule(at: due) { [self] in assumeIsolated { body($0) } }
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
