// Executors of simulated machines: an event loop and a thread for blocking work, both queues of the one scheduler.

package import ClusterModel
package import NodeEnvironment
import Synchronization

/// An event loop: actors, tasks, closures and timers.
package final class SimulatedExecutor: NodeExecutor {
    let queue: JobQueue
    private let clock: SimulatedClock

    init(queue: JobQueue, clock: SimulatedClock) {
        self.queue = queue
        self.clock = clock
    }

    package func execute(_ work: @escaping @Sendable () -> Void) { queue.append(work) }

    package func schedule(at instant: BootInstant, _ work: @escaping @Sendable () -> Void) -> any ScheduledWork {
        let scheduled = SimulatedTimer(work)
        queue.scheduler.schedule(at: clock.simulationTime(of: instant)) { [queue] in
            queue.append { scheduled.run() }
        }
        return scheduled
    }

    package var isCurrent: Bool { queue.isCurrent }

    package func enqueue(_ job: consuming ExecutorJob) {
        let unowned = UnownedJob(job)
        queue.append { [self] in
            unowned.runSynchronously(isolatedTo: asUnownedSerialExecutor(), taskExecutor: asUnownedTaskExecutor())
        }
    }

    package func asUnownedSerialExecutor() -> UnownedSerialExecutor { UnownedSerialExecutor(ordinary: self) }

    package func asUnownedTaskExecutor() -> UnownedTaskExecutor { UnownedTaskExecutor(ordinary: self) }

    package func checkIsolated() { precondition(isCurrent, "not on this executor") }

    package func isIsolatingCurrentContext() -> Bool? { isCurrent }
}

/// Work with a time. Cancelling drops it.
private final class SimulatedTimer: ScheduledWork {
    private let work: Mutex<(@Sendable () -> Void)?>

    init(_ work: @escaping @Sendable () -> Void) { self.work = Mutex(work) }

    func cancel() { work.withLock { $0 = nil } }

    func run() {
        let work = work.withLock { work in
            defer { work = nil }
            return work
        }
        work?()
    }
}

/// Until when a disk answers nobody: every thread that works on it stands still.
final class DiskStall: Sendable {
    private let end = Atomic<UInt64>(0)

    /// A simulation time; in the past when the disk answers.
    var until: UInt64 {
        get { end.load(ordering: .relaxed) }
        set { end.store(newValue, ordering: .relaxed) }
    }
}

/// A thread for blocking work: each piece starts after a random while, as a disk makes it.
final class SimulatedThread: DedicatedExecutor {
    private struct State {
        var waiting: [@Sendable () -> Void] = []
        var isBusy = false
        var isShutDown = false
    }

    /// How long a piece of work takes at most.
    static let maxNanoseconds: UInt64 = 400_000

    private let queue: JobQueue
    private let state = Mutex(State())
    private let stall: DiskStall

    init(queue: JobQueue, stall: DiskStall) {
        self.queue = queue
        self.stall = stall
    }

    func execute(_ work: @escaping @Sendable () -> Void) {
        let mustStart = state.withLock { state in
            guard !state.isShutDown else { return false }
            state.waiting.append(work)
            defer { state.isBusy = true }
            return !state.isBusy
        }
        if mustStart { startNext() }
    }

    func shutDown() { state.withLock { $0.isShutDown = true } }

    private func startNext() {
        let scheduler = queue.scheduler
        let delay = 20_000 + scheduler.random(below: Self.maxNanoseconds)
        scheduler.schedule(at: scheduler.now + delay) { [self] in begin() }
    }

    private func begin() {
        let scheduler = queue.scheduler
        guard stall.until <= scheduler.now || queue.isDead else {
            scheduler.schedule(at: stall.until) { [self] in begin() }
            return
        }
        queue.append { [self] in runNext() }
    }

    private func runNext() {
        let work = state.withLock { $0.waiting.isEmpty ? nil : $0.waiting.removeFirst() }
        work?()
        let goesOn = state.withLock { state in
            state.isBusy = !state.waiting.isEmpty
            return state.isBusy
        }
        if goesOn { startNext() }
    }
}
