// S1a: a state that has applied what lies beyond an agreed end is folded anew from the logs, with the ends cut. Nothing is
// ever taken back by arithmetic.

import ActorCluster
import ClusterModel
import Distributed
import EventLog
import NodeEnvironment

extension LogFollower {
    /// Starts a rebuild where the state exceeds agreed ends. The fold reads flushed bytes only, so what was appended
    /// here is flushed first; nothing is appended meanwhile. A state below what is settled everywhere goes on from another
    /// member's (S1a). Complexity: O(incarnations).
    func rebuildWhereNeeded() {
        guard !isFenced else { return }
        if state.lines.isBelowChain { becomeShort() }
        guard !replica.isRebuilding, state.lines.exceedsAgreedEnds else { return }
        replica.isRebuilding = true
        refoldOnceFlushed()
    }

    private func refoldOnceFlushed() {
        let end = appender.nextOffset
        guard appender.flushed < end else { return refold() }
        appender.wait(through: end) { [self] flushed in
            // A log that has ended discards its state: nothing is left to fold anew.
            guard case .success = flushed else { return }
            assumeIsolated { $0.refold() }
        }
        flushSoon()
    }

    private func refold() {
        guard !isFenced, replica.isRebuilding else { return }
        let (engine, executor, settings, empty) = (shell.log, shell.executor, shell.settings, emptyState)
        let own = appender.log.name
        let known = state.agreedEnds(of: own.topic, own.partition)
        shell.disk.execute { [self] in
            let outcome = Result { () throws(EventLogError) in
                try HeldLogs.refold(
                    empty, knowing: known, topic: own.topic, partition: own.partition, from: engine,
                    members: settings.members, bounds: settings.bounds)
            }
            executor.execute { self.assumeIsolated { $0.onRefolded(outcome) } }
        }
    }

    private func onRefolded(_ outcome: Result<HeldLogs<State>, EventLogError>) {
        guard !isFenced, replica.isRebuilding else { return }
        switch outcome {
        case .failure(let error):
            // Nothing here leads to a state without what was cut: another member's has to (S1a, S5).
            if error.code == .trimmed { becomeShort() }
            retryRefold("\(error)")
        case .success(let fold) where fold.state.lines.isBelowChain:
            becomeShort()
            retryRefold("what is settled everywhere has left this disk")
        case .success(let fold):
            let own = appender.log
            guard fold.state.lines.next(in: own.name.region, own.incarnation) == appender.nextOffset else {
                return retryRefold(fold.stopped[own].map { "\($0)" } ?? "the own log was not folded to its end")
            }
            take(fold)
        }
    }

    /// The former state stays out of service: it holds what no other region will have.
    private func retryRefold(_ reason: String) {
        let count = (replica.rebuildFailure?.count ?? 0) + 1
        replica.rebuildFailure = ReplicaProgress.ReadFailure(count: count, reason: reason)
        wake(after: replica.retryDelay(after: count, standard: shell.settings.retryDelay)) { $0.refold() }
    }

    private func take(_ fold: HeldLogs<State>) {
        let own = appender.log.name
        // One that was appended stands in the own log, and the fold has applied it.
        let proposed = replica.hasAppendedEnds ? nil : state.lines.line(of: own.region).proposed
        let heardMeanwhile = state.agreedEnds(of: own.topic, own.partition)
        adopt(fold.state)
        changeLines { lines in
            for ends in heardMeanwhile { lines.learn(ends.chain, of: ends.name.region) }
            if let proposed { lines.propose(proposed, of: own.region) }
        }
        guard !state.lines.exceedsAgreedEnds else { return refold() }
        replica.isRebuilding = false
        replica.rebuildFailure = nil
        replica.rebuilds += 1
        replica.stopped = fold.stopped
        replica.held = []
        onFolded()
        tellAgreed()
        appendProposedEnds()
        // The record that had settled a log may be what was cut: such a log is open again, and nobody follows it.
        for log in shell.log.logs().map(\.log).sorted()
        where log.name.topic == own.topic && log.name.partition == own.partition { follow(log) }
    }
}
