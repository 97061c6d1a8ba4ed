// One serial queue of the simulation: an event loop or a thread of a machine. Ends with its machine.

import NodeEnvironment
import Synchronization

/// First in, first out; which queue's turn it is, the scheduler says. Once dead it takes nothing and runs nothing.
final class JobQueue: Sendable {
    typealias Job = @Sendable () -> Void

    private struct State {
        var jobs: [Job] = []
        var head = 0
        var isDead = false
    }

    let number: UInt64
    private let scheduler: SimulationScheduler
    private let state = Mutex(State())

    init(scheduler: SimulationScheduler) {
        self.scheduler = scheduler
        number = scheduler.makeQueueNumber()
    }

    var isEmpty: Bool { state.withLock { $0.head == $0.jobs.count } }
    var isDead: Bool { state.withLock(\.isDead) }

    func append(_ job: @escaping Job) {
        let becameReady = state.withLock { state in
            guard !state.isDead else { return false }
            state.jobs.append(job)
            return state.jobs.count - state.head == 1
        }
        if becameReady { scheduler.becameReady(self) }
        if isDead { Graveyard.keep(job) }
    }

    func runNext() {
        let job = state.withLock { state -> Job? in
            guard state.head < state.jobs.count else { return nil }
            let job = state.jobs[state.head]
            state.head += 1
            if state.head == state.jobs.count {
                state.jobs.removeAll(keepingCapacity: true)
                state.head = 0
            }
            return job
        }
        guard let job else { return }
        CurrentQueue.run(as: self, job)
    }

    /// Drops what is queued, for ever.
    func die() {
        let dropped = state.withLock { state in
            defer { state = State(isDead: true) }
            return Array(state.jobs[state.head...])
        }
        for job in dropped { Graveyard.keep(job) }
    }
}

/// Which queue this thread runs for.
enum CurrentQueue {
    @TaskLocal private static var fallback: UInt64 = 0

    private static let running = Mutex<[UInt64]>([])
    static func run(as queue: JobQueue, _ job: JobQueue.Job) { job() }
}

/// Work that a crash dropped. It is kept, since a continuation in it must neither resume nor be reported as lost.
enum Graveyard {
    private static let dropped = Mutex<[JobQueue.Job]>([])

    static func keep(_ job: @escaping JobQueue.Job) { dropped.withLock { $0.append(job) } }
}
