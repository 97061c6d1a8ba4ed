// S5: a state that begins below what its logs still hold goes on from one that another member had. Own writes go on
// meanwhile: the fetched state is brought up to date aside, and takes the place of the former in one turn of the loop.

import ActorCluster
import ClusterModel
import Distributed
import EventLog
import NodeEnvironment

/// Why a fetched state was not taken: for people; another one is fetched.
package struct BootstrapRefusal: Error, Hashable, CustomStringConvertible {
    package let description: String

    init(_ description: String) { self.description = description }
}

/// Hears that a fetched state is in place, or why it is not.
package typealias BootstrapWaiter = @Sendable (Result<Void, BootstrapRefusal>) -> Void

extension LogFollower {
    /// What comes next of some log is held by nobody here any more: says so once, until a fetched state is in place. Nothing is
    /// snapshotted meanwhile.
    func becomeShort() {
        guard !replica.isShort else { return }
        replica.isShort = true
        shell.onShort(appender.log.name.topic, appender.log.name.partition)
    }

    /// Takes `fetched` in place of the own state once all that is held here is folded on top of it, the own line included. The
    /// engine holds every log of it from where it ends, or before. Refused where it goes beyond agreed ends, where some log goes
    /// on behind it, and where the own line cannot be folded: nothing has changed then.
    func bootstrap(from fetched: State, _ completion: @escaping BootstrapWaiter) {
        guard !isFenced else { return completion(.failure(BootstrapRefusal("the log has ended"))) }
        var start = fetched
        learnOwnEnds(into: &start)
        guard !start.lines.exceedsAgreedEnds, !start.lines.isBelowChain else {
            return completion(.failure(BootstrapRefusal("the snapshot goes beyond agreed ends, or stands below them")))
        }
        foldAside(start, completion)
    }

    /// All that this state has heard of.
    private func learnOwnEnds(into other: inout State) {
        let own = appender.log.name
        for ends in state.agreedEnds(of: own.topic, own.partition) { other.learn(ends) }
    }

    /// One round: what is flushed of all logs goes into `start`, and the own log's newer records are kept aside.
    private func foldAside(_ start: State, _ completion: @escaping BootstrapWaiter) {
        let end = appender.nextOffset
        ownTail = OwnTail(from: end)
        // Not from inside `wait`, which would answer at once and holds the appender meanwhile.
        guard appender.flushed < end else { return readAside(start, completion) }
        appender.wait(through: end) { [self] flushed in
            guard case .success = flushed else {
                return completion(.failure(BootstrapRefusal("the own log has ended")))
            }
            assumeIsolated { $0.readAside(start, completion) }
        }
        flushSoon()
    }

    private func readAside(_ start: State, _ completion: @escaping BootstrapWaiter) {
        let (engine, executor, settings, own) = (shell.log, shell.executor, shell.settings, appender.log.name)
        shell.disk.execute { [self] in
            let outcome = Result { () throws(EventLogError) in
                let logs = engine.logs().lazy.map(\.log).filter {
                    $0.name.topic == own.topic && $0.name.partition == own.partition
                }
                var held = HeldLogs(start, logs: logs, members: settings.members, bounds: settings.bounds)
                try held.fold(from: engine)
                return held
            }
            executor.execute { self.assumeIsolated { $0.onReadAside(outcome, completion) } }
        }
    }

    private func onReadAside(
        _ outcome: Result<HeldLogs<State>, EventLogError>, _ completion: @escaping BootstrapWaiter
    ) {
        do {
            guard !isFenced, let tail = ownTail else { throw BootstrapRefusal("the log has ended") }
            let fold = try outcome.get()
            if tail.hasOverflown, fold.short.isEmpty { return foldAside(fold.state, completion) }
            let anew = try complete(fold, tail)
            ownTail = nil
            putInPlace(anew, fold)
        } catch {
            ownTail = nil
            return completion(.failure(BootstrapRefusal("\(error)")))
        }
        completion(.success(()))
    }

    /// With what the own log took since the round began, and the ends that were heard since.
    private func complete(_ fold: HeldLogs<State>, _ tail: OwnTail) throws -> State {
        if let short = fold.short.first {
            throw BootstrapRefusal("log \(short) goes on behind the snapshot")
        }
        var anew = fold.state
        let own = appender.log
        let next = anew.lines.next(in: own.name.region, own.incarnation)
        guard next >= tail.from else {
            throw BootstrapRefusal(fold.stopped[own].map { "\($0)" } ?? "the own log was not folded to its end")
        }
        for (record, offset) in tail.records where offset >= next {
            try anew.apply(record, in: own.name.region, own.incarnation, at: offset)
        }
        learnOwnEnds(into: &anew)
        guard !anew.lines.exceedsAgreedEnds, !anew.lines.isBelowChain else {
            throw BootstrapRefusal("ends were heard meanwhile that the snapshot goes beyond, or stands below")
        }
        return anew
    }

    private func putInPlace(_ anew: State, _ fold: HeldLogs<State>) {
        let own = appender.log.name
        // One that was appended stands in the own log, and the fold has applied it.
        let proposed = replica.hasAppendedEnds ? nil : state.lines.line(of: own.region).proposed
        adopt(anew)
        if let proposed { changeLines { $0.propose(proposed, of: own.region) } }
        replica.isShort = false
        replica.isRebuilding = false
        replica.rebuildFailure = nil
        replica.bootstraps += 1
        replica.stopped = fold.stopped
        replica.failing = [:]
        replica.held = []
        onFolded()
        tellAgreed()
        appendProposedEnds()
        for log in shell.log.logs().map(\.log).sorted()
        where log.name.topic == own.topic && log.name.partition == own.partition { follow(log) }
    }
}
