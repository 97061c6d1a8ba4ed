// The one thread of a simulation: virtual time, timers, and the choice of what runs next, all from one seed.

import ClusterModel
import Glibc
import NodeEnvironment
import Synchronization

/// What a simulation did and whether it can go on.
package enum SimulationError: Error, Hashable, CustomStringConvertible {
    /// Nothing is ready, no timer is set, and the body has not ended.
    case stuck(seed: UInt64, steps: UInt64)
    /// The body did not end in the virtual time or the steps that it was given.
    case tooLong(seed: UInt64, steps: UInt64, simulated: Duration)
    /// Work came from another thread: something ran outside the simulation (a bare `Task {}`, a real clock), so that
    /// the run does not replay.
    case escaped(seed: UInt64, count: Int)

    package var description: String {
        switch self {
        case .stuck(let seed, let steps): "seed \(seed): stuck after \(steps) steps: nothing is left to run"
        case .tooLong(let seed, let steps, let simulated): "seed \(seed): no end after \(steps) steps, \(simulated)"
        case .escaped(let seed, let count): "seed \(seed): \(count) jobs came from outside the simulation"
        }
    }
}

/// Runs jobs one at a time, the next one's executor chosen by the seed; time stands still inside a job. Every step moves
/// time a little, so that loops that wait for time end.
package final class SimulationScheduler: Sendable {
    /// One place in the schedule.
    struct Timer {
        let at: UInt64
        let sequence: UInt64
        let work: @Sendable () -> Void
    }

    private struct State {
        var generator: SeededGenerator
        var now: UInt64 = 0
        var steps: UInt64 = 0
        var hash: UInt64 = 0xcbf2_9ce4_8422_2325
        var sequence: UInt64 = 0
        var timers = TimerHeap()
        /// Queues with work, in the order in which they got it. A queue stands here once.
        var ready: [JobQueue] = []
        /// Queues of dead machines that have jobs.
        var unwinding: [JobQueue] = []
        var nextQueue: UInt64 = 0
        /// The queue whose job runs now.
        var current: UInt64?
        /// The thread that steps, and how much came from others.
        var thread: pthread_t?
        var escapes = 0
        var trace: [String]?

        mutating func mix(_ value: UInt64) {
            hash = (hash ^ value) &* 0x0000_0100_0000_01b3
            hash ^= hash >> 29
        }
    }

    /// Timers that `finish` runs at most.
    private static let maxLastTimers = 1_000_000

    package let seed: UInt64
    private let state: Mutex<State>

    package init(seed: UInt64) {
        self.seed = seed
        state = Mutex(State(generator: SeededGenerator(seed: seed)))
    }

    /// Nanoseconds since the simulation began.
    package var now: UInt64 { state.withLock(\.now) }
    package var steps: UInt64 { state.withLock(\.steps) }
    /// A hash of every step so far: which queue ran, what it was, and when.
    package var traceHash: UInt64 { state.withLock(\.hash) }

    /// Keeps a line for every note from now on (`note`), for people who debug a seed.
    package func keepTrace() { state.withLock { $0.trace = $0.trace ?? [] } }

    package var trace: [String] { state.withLock { $0.trace ?? [] } }

    /// Puts a fact into the trace and its hash.
    package func note(_ text: @autoclosure () -> String) {
        state.withLock { state in
            let text = text()
            for byte in text.utf8 { state.mix(UInt64(byte)) }
            state.trace?.append("\(state.now) \(text)")
        }
    }

    /// A random number below `bound`, from the simulation's seed.
    package func random(below bound: UInt64) -> UInt64 {
        state.withLock { $0.generator.next() % max(1, bound) }
    }

    /// A seed for a part with randomness of its own.
    package func derivedSeed() -> UInt64 { state.withLock { $0.generator.next() } }

    var currentQueue: UInt64? { state.withLock(\.current) }

    /// Runs `body` as the simulation's own thread.
    func own<Value>(_ body: () throws -> Value) rethrows -> Value {
        let outer = state.withLock { state in
            defer { state.thread = pthread_self() }
            return state.thread
        }
        defer { state.withLock { $0.thread = outer } }
        return try body()
    }

    /// Jobs that came from threads other than the one that steps.
    package var escapes: Int { state.withLock(\.escapes) }

    func makeQueueNumber() -> UInt64 {
        state.withLock { state in
            state.nextQueue += 1
            return state.nextQueue
        }
    }

    /// `queue` went from empty to not empty.
    func becameReady(_ queue: JobQueue) { state.withLock { $0.ready.append(queue) } }

    /// A dead queue has jobs, or may have.
    func mustUnwind(_ queue: JobQueue) { state.withLock { $0.unwinding.append(queue) } }

    /// Runs what dead machines still have, so that their tasks end. Takes no time and no place in the trace.
    private func unwindTheDead() {
        while let queue = state.withLock({ $0.unwinding.isEmpty ? nil : $0.unwinding.removeFirst() }) {
            state.withLock { $0.current = queue.number }
            queue.unwind()
            state.withLock { $0.current = nil }
        }
    }

    /// The end of the simulation, when all machines are dead: lets everything that waits for a time end now.
    func finish() {
        own {
            unwindTheDead()
            for _ in 0..<Self.maxLastTimers {
                let timer = state.withLock { state -> Timer? in
                    defer { state.timers.removeFirst() }
                    return state.timers.first
                }
                guard let timer else { break }
                timer.work()
                unwindTheDead()
            }
        }
        // What is left goes outside the lock: it may reach for the scheduler when it does.
        let rest = state.withLock { state in
            defer {
                state.timers = TimerHeap()
                state.ready = []
            }
            return (state.timers, state.ready)
        }
        withExtendedLifetime(rest) {}
    }

    /// Something is about to be queued or scheduled.
    func checkThread() {
        state.withLock { state in
            if let thread = state.thread, pthread_equal(thread, pthread_self()) == 0 { state.escapes += 1 }
        }
    }

    /// Runs `work` outside any queue at `instant` (simulation time) or later.
    @discardableResult
    func schedule(at instant: UInt64, _ work: @escaping @Sendable () -> Void) -> UInt64 {
        checkThread()
        return state.withLock { state in
            state.sequence += 1
            state.timers.insert(Timer(at: max(instant, state.now), sequence: state.sequence, work: work))
            return state.sequence
        }
    }

    /// One step: the timers that are due, then one job. False when there is neither a job nor a timer.
    package func step() -> Bool {
        unwindTheDead()
        fireDueTimers()
        unwindTheDead()
        let picked = state.withLock { state -> JobQueue? in
            guard !state.ready.isEmpty else { return nil }
            let index = Int(state.generator.next() % UInt64(state.ready.count))
            let queue = state.ready[index]
            state.steps += 1
            state.now += 100 + state.generator.next() % 1_000
            state.current = queue.number
            state.mix(queue.number)
            state.mix(state.now)
            return queue
        }
        if let picked {
            picked.takeNext()?()
            state.withLock { state in
                state.current = nil
                if picked.unlistIfEmpty() { state.ready.removeAll { $0 === picked } }
            }
            return true
        }
        return state.withLock { state in
            guard let next = state.timers.first else { return false }
            state.now = max(state.now, next.at)
            return true
        }
    }

    private func fireDueTimers() {
        while true {
            let due = state.withLock { state -> Timer? in
                guard let next = state.timers.first, next.at <= state.now else { return nil }
                state.timers.removeFirst()
                state.mix(next.sequence)
                return next
            }
            guard let due else { return }
            due.work()
        }
    }
}
