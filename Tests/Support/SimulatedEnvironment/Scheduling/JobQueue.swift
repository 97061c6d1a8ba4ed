// One serial queue of the simulation: an event loop or a thread of a machine. Ends with its machine.

import Synchronization

/// First in, first out; which queue's turn it is, the scheduler says.
///
/// When its machine dies the queue *unwinds*: what is and comes into it runs at once, in no time, in a world where every
/// file operation, call and sleep of that machine fails, so that its tasks end and their memory is freed. Nothing of that
/// reaches the living.
final class JobQueue: Sendable {
    typealias Job = @Sendable () -> Void

    private enum Life {
        case alive
        case unwinding
        /// Takes nothing any more.
        case over
    }

    private struct State {
        var jobs: [Job?] = []
        var head = 0
        /// Whether the scheduler has it among the ready ones.
        var isListed = false
        var life = Life.alive
        var unwound = 0
    }

    /// Jobs that a dead queue may still run: far more than ending takes; a loop that never ends is cut off there.
    private static let maxUnwound = 20_000

    let number: UInt64
    let scheduler: SimulationScheduler
    private let state = Mutex(State())

    init(scheduler: SimulationScheduler) {
        self.scheduler = scheduler
        number = scheduler.makeQueueNumber()
    }

    var isDead: Bool { state.withLock { $0.life != .alive } }

    /// Whether the job that runs now is this queue's.
    var isCurrent: Bool { scheduler.currentQueue == number }

    func append(_ job: @escaping Job) {
        scheduler.checkThread()
        let life = state.withLock { state -> Life? in
            guard state.life != .over else { return nil }
            state.jobs.append(job)
            defer { state.isListed = true }
            return state.isListed ? nil : state.life
        }
        switch life {
        case .alive: scheduler.becameReady(self)
        case .unwinding: scheduler.mustUnwind(self)
        case .over, nil: break
        }
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

    /// Its machine is gone: the scheduler unwinds it before anything else runs.
    func die() {
        let mustUnwind = state.withLock { state in
            guard state.life == .alive else { return false }
            state.life = .unwinding
            state.isListed = true
            return true
        }
        if mustUnwind { scheduler.mustUnwind(self) }
    }

    /// Runs what is queued on a dead queue, new jobs included.
    func unwind() {
        while let job = takeNext() {
            job()
            let isOver = state.withLock { state in
                state.unwound += 1
                return state.unwound > Self.maxUnwound
            }
            if isOver { end() }
        }
        _ = unlistIfEmpty()
    }

    private func end() {
        // Released outside the lock: what a job holds may reach for this queue when it goes.
        let dropped = state.withLock { state in
            defer {
                state.jobs = []
                state.head = 0
                state.life = .over
            }
            return state.jobs
        }
        withExtendedLifetime(dropped) {}
    }
}
