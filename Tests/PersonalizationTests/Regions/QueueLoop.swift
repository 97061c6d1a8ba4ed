// A loop for tests of shards: what is given to it runs after what runs now, on the caller's thread, until nothing is left.

import ClusterModel
import NodeEnvironment
import Synchronization

/// Executor, blocking thread and clock in one. `turn` and `advance` are its only engines; one thread.
final class QueueLoop: NodeExecutor, DedicatedExecutor, NodeClock {
    private struct State {
        var waiting: [@Sendable () -> Void] = []
        var timers: [(at: BootInstant, work: @Sendable () -> Void)] = []
        var isRunning = false
        var now: UInt64 = 1_000_000_000
    }

    private let state = Mutex(State())
    /// The wall clock when the test begins.
    let start: WallTime

    init(start: WallTime = WallTime(milliseconds: 1_700_000_000_000)) { self.start = start }

    /// Runs `body` as an event of the loop, and all that follows from it.
    func turn(_ body: @escaping @Sendable () -> Void) {
        execute(body)
        drain()
    }

    private func drain() {
        let mayRun = state.withLock { state in
            defer { state.isRunning = true }
            return !state.isRunning
        }
        guard mayRun else { return }
        while let work = state.withLock({ $0.waiting.isEmpty ? nil : $0.waiting.removeFirst() }) { work() }
        state.withLock { $0.isRunning = false }
    }

    /// Moves time to each timer that comes due, in order.
    func advance(by duration: Duration) {
        let end = bootTime().advanced(by: duration)
        while let due = state.withLock({ state in
            guard let place = state.timers.indices.min(by: { state.timers[$0].at < state.timers[$1].at }),
                state.timers[place].at <= end
            else { return (@Sendable () -> Void)?.none }
            state.now = max(state.now, state.timers[place].at.nanoseconds)
            return state.timers.remove(at: place).work
        }) {
            turn(due)
        }
        state.withLock { $0.now = end.nanoseconds }
    }

    func execute(_ work: @escaping @Sendable () -> Void) {
        let isRunning = state.withLock { state in
            state.waiting.append(work)
            return state.isRunning
        }
        if !isRunning { drain() }
    }

    func schedule(at instant: BootInstant, _ work: @escaping @Sendable () -> Void) -> any ScheduledWork {
        state.withLock { $0.timers.append((instant, work)) }
        return KeptTimer()
    }

    var isCurrent: Bool { state.withLock(\.isRunning) }
    func shutDown() {}

    func bootTime() -> BootInstant { BootInstant(nanoseconds: state.withLock(\.now)) }
    func wallTime() -> WallTime { start.advanced(by: .nanoseconds(Int64(bootTime().nanoseconds))) }
    func isSynchronised() -> Bool { true }
    func sleep(until instant: BootInstant) async throws { advance(by: instant.since(bootTime())) }

    func enqueue(_ job: consuming ExecutorJob) {
        let unowned = UnownedJob(job)
        execute { [self] in unowned.runSynchronously(on: asUnownedSerialExecutor()) }
    }

    func asUnownedSerialExecutor() -> UnownedSerialExecutor { UnownedSerialExecutor(ordinary: self) }
    func checkIsolated() {}
    func isIsolatingCurrentContext() -> Bool? { true }
}

private struct KeptTimer: ScheduledWork {
    func cancel() {}
}
