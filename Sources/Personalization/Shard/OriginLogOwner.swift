// What every actor that writes an origin log does: one batch a tick, one hop to the engine, answers after the flush.

import ActorCluster
package import ClusterModel
import Distributed
package import EventLog
package import NodeEnvironment

/// Where an origin log's owner runs and writes. The same for the owner's whole life.
package struct LogShell: Sendable {
    package let log: any EventLogEngine
    package let executor: any NodeExecutor
    package let clock: any NodeClock
    package let settings: ShardSettings
    /// For reads of the disk.
    package let disk: any DedicatedExecutor
    /// Closed while this node must not stamp (S2).
    package let stamps: StampGate
    /// Hears of agreed ends, those known at the start and newer ones, with the base that the state stands on, on `executor`:
    /// mirrors carry them in handshakes and seals (S1a). Must not block.
    package let onAgreed: @Sendable (_ ends: AgreedEnds, _ base: EndsPoint) -> Void
    /// Hears, on `executor`, of a state that only another member's snapshot can bring further (S5). Must not block.
    package let onShort: @Sendable (TopicID, PartitionID) -> Void

    package init(
        log: any EventLogEngine, executor: any NodeExecutor, clock: any NodeClock, settings: ShardSettings,
        disk: any DedicatedExecutor, stamps: StampGate = StampGate(),
        onAgreed: @escaping @Sendable (_ ends: AgreedEnds, _ base: EndsPoint) -> Void = { _, _ in },
        onShort: @escaping @Sendable (TopicID, PartitionID) -> Void = { _, _ in }
    ) {
        self.onShort = onShort
        self.disk = disk
        self.stamps = stamps
        self.onAgreed = onAgreed
        self.log = log
        self.executor = executor
        self.clock = clock
        self.settings = settings
    }

    /// The time to stamp records with; nil while the clock is not to be trusted (S2), and while nothing is opened (S1b).
    var stampTime: WallTime? { stamps.doorTime(of: clock) }
}

/// Which wake-ups are under way, so that there is at most one of each.
struct CommitPace {
    var isTickDue = false
    var isDelayedTickDue = false
}

/// An actor that owns one origin log. The extension runs on the actor's loop.
protocol OriginLogOwner: ClusterActor {
    var appender: OriginAppender { get set }
    var pace: CommitPace { get set }
    var shell: LogShell { get }
    /// More of the own log is flushed; those who waited have their answers.
    func onOwnFlush()
    /// Discards memory and returns who waits (S6).
    func fence(because reason: String) -> [FlushWaiter]
}

extension OriginLogOwner {
    func onOwnFlush() {}

    /// Hears of flushes from the engine. Before the first append.
    func startObserving() {
        shell.log.observe(appender.log, on: shell.executor, LogWatcher(owner: self))
    }

    /// What the log's own records are stamped at: an untrusted clock has no say, the line's last stamp has (S2).
    var markingTime: WallTime { shell.stamps.time(of: shell.clock) ?? appender.lastStamp.wallTime }

    /// Somebody waits: the batch goes out at the end of this tick of the loop.
    func flushSoon() {
        guard !pace.isTickDue else { return }
        pace.isTickDue = true
        shell.executor.execute { [self] in assumeIsolated { $0.tick() } }
    }

    /// Nobody waits: the batch goes out with the next that somebody waits for, or after a moment.
    func flushLater() {
        guard !pace.isTickDue, !pace.isDelayedTickDue, appender.hasPending else { return }
        pace.isDelayedTickDue = true
        wake(after: shell.settings.bufferedDelay)
    }

    private func wake(after delay: Duration) {
        let due = shell.clock.bootTime().advanced(by: delay)
        _ = shell.executor.schedule(at: due) { [self] in
            assumeIsolated { owner in
                owner.pace.isDelayedTickDue = false
                owner.tick()
            }
        }
    }

    private func tick() {
        pace.isTickDue = false
        do {
            try appender.seal()
            try appender.submit(to: shell.log)
        } catch {
            return end(because: "\(error)")
        }
        if appender.isUnderPressure, !pace.isDelayedTickDue {
            pace.isDelayedTickDue = true
            wake(after: shell.settings.retryDelay)
        }
    }

    /// What was appended so far ends a batch: a view of the state as it is now stands at a boundary. The log ends where a record
    /// cannot be sealed.
    func sealForView() throws(ShardError) {
        do {
            try appender.seal()
        } catch {
            end(because: "\(error)")
            throw .logFenced("\(error)")
        }
    }

    func onFlushed(to end: Offset) {
        for answer in appender.onFlushed(to: end) { answer(.success(())) }
        onOwnFlush()
    }

    func end(because reason: String) {
        for answer in fence(because: reason) { answer(.failure(.logFenced(reason))) }
    }
}

/// Passes the engine's word on; the engine calls it on the owner's executor.
private final class LogWatcher<Owner: OriginLogOwner>: LogObserver {
    private let owner: Owner

    init(owner: Owner) { self.owner = owner }

    func logFlushed(_ log: LogIdentity, to end: Offset) { owner.assumeIsolated { $0.onFlushed(to: end) } }

    func logFenced(_ log: LogIdentity, because error: EventLogError) {
        owner.assumeIsolated { $0.end(because: "\(error)") }
    }
}
