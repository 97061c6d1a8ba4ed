// One serial queue of the simulation: an event loop or a thread of a machine. Ends with its machine.

import Synchronization

/// First in, first out; which queue's turn it is, the scheduler says. Once dead it takes nothing and runs nothing.
final class JobQueue: Sendable {
    typealias Job = @Sendable () -> Void

    private struct State {
        var jobs: [Job?] = []
        var head = 0
        /// Whether the scheduler has it among the ready ones.
        var isListed = false
        var isDead = false
    }

    let number: UInt64
    let scheduler: SimulationScheduler
    private let state = Mutex(State())

    init(scheduler: SimulationScheduler) {
        self.scheduler = scheduler
        number = scheduler.makeQueueNumber()
    }

    var isDead: Bool { state.withLock(\.isDead) }

    /// Whether the job that runs now is this queue's.
    var isCurrent: Bool { scheduler.currentQueue == number }

    func append(_ job: @escaping Job) {
        scheduler.checkThread()
        let mustList = state.withLock { state in
            guard !state.isDead else { return false }
            state.jobs.append(job)
            defer { state.isListed = true }
            return !state.isListed
        }
        if mustList { scheduler.becameReady(self) }
        if isDead { Graveyard.keep(job) }
    }

    /// The next job, which the scheduler runs.
    func takeNext() -> Job? {
        state.withLock { state in
            guard state.head < state.jobs.count else { return nil }
            let job = state.jobs[state.head]
            state.jobs[state.head] = nil
            state.head += 1
            if state.head == state.jobs.count || state.head == 1_024 {
                state.jobs.removeFirst(state.head)
                state.head = 0
            }
            return job
        }
    }

    /// True when nothing is queued; the scheduler then takes it from its list.
    func unlistIfEmpty() -> Bool {
        state.withLock { state in
            if state.head == state.jobs.count { state.isListed = false }
            return !state.isListed
        }
    }

    /// Drops what is queued, for ever.
    func die() {
        let dropped = state.withLock { state in
            defer {
                state.jobs = []
                state.head = 0
                state.isDead = true
            }
            return state.jobs.compactMap { $0 }
        }
        for job in dropped { Graveyard.keep(job) }
    }
}

/// Work that a crash dropped. It is kept, since a continuation in it must neither resume nor be reported as lost.
enum Graveyard {
    private static let dropped = Mutex<[JobQueue.Job]>([])

    static func keep(_ job: @escaping JobQueue.Job) { dropped.withLock { $0.append(job) } }
}
