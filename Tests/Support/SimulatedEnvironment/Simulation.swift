// A whole deployment in one thread: machines, their disks and the network between them, replayed from a seed.

import ClusterModel
import NodeEnvironment
import Synchronization

/// Same seed, same code: same steps, same `traceHash`, in every process that runs with deterministic hashing
/// (SWIFT_DETERMINISTIC_HASHING=1). Use it from one thread at a time.
///
///     let simulation = Simulation(seed: 7)
///     let machine = simulation.machine("a")
///     machine.start { environment in try await Node(environment).run() }
///     let answer = try simulation.drive { try await client.ask() }
package final class Simulation: Sendable {
    package let scheduler: SimulationScheduler
    package let network: SimulatedNetwork
    private let machines = Mutex<[String: SimulatedMachine]>([:])

    package init(seed: UInt64) {
        scheduler = SimulationScheduler(seed: seed)
        network = SimulatedNetwork(scheduler: scheduler)
    }

    /// Ends whatever still runs, so that nothing of the simulation outlives it.
    deinit {
        for machine in machines.withLock({ $0 }).sorted(by: { $0.key < $1.key }) { machine.value.switchOff() }
        scheduler.finish()
        network.finish()
    }

    package var seed: UInt64 { scheduler.seed }

    /// An order-sensitive hash of every step of the scheduler so far.
    package var traceHash: UInt64 { scheduler.traceHash }

    /// Virtual time since the start.
    package var simulated: Duration { .nanoseconds(Int64(clamping: scheduler.now)) }

    /// The machine of that name, made and switched on at the first call. Clients are machines too.
    package func machine(_ name: String, loops: Int = 2) -> SimulatedMachine {
        if let machine = machines.withLock({ $0[name] }) { return machine }
        let machine = SimulatedMachine(name: name, loops: loops, scheduler: scheduler, network: network)
        machines.withLock { $0[name] = machine }
        return machine
    }

    /// Lets everything run for that much virtual time.
    package func run(for duration: Duration) {
        let end = scheduler.now + UInt64(max(0, duration.signedNanoseconds))
        let queue = JobQueue(scheduler: scheduler)
        let reached = Mutex(false)
        scheduler.schedule(at: end) { queue.append { reached.withLock { $0 = true } } }
        scheduler.own { while !reached.withLock({ $0 }), scheduler.step() {} }
    }

    /// Runs `body` to its end, in a task on an executor of no machine, while everything else runs and time passes.
    /// Throws what `body` throws, or `SimulationError` when it cannot end within `limit` and `steps`.
    package func drive<Value: Sendable>(
        limit: Duration = .seconds(3_600), steps: UInt64 = 50_000_000,
        _ body: @escaping @Sendable () async throws -> Value
    ) throws -> Value {
        let value = try scheduler.own { try driveOwned(limit, steps, body) }
        guard scheduler.escapes == 0 else { throw SimulationError.escaped(seed: seed, count: scheduler.escapes) }
        return value
    }

    private func driveOwned<Value: Sendable>(
        _ limit: Duration, _ steps: UInt64, _ body: @escaping @Sendable () async throws -> Value
    ) throws -> Value {
        let outcome = Mutex<Result<Value, any Error>?>(nil)
        let executor = SimulatedExecutor(
            queue: JobQueue(scheduler: scheduler), clock: SimulatedClock(scheduler: scheduler))
        let started = (steps: scheduler.steps, now: scheduler.now)
        let task = Task(executorPreference: executor) {
            do {
                let value = try await body()
                outcome.withLock { $0 = .success(value) }
            } catch {
                outcome.withLock { $0 = .failure(error) }
            }
        }
        let end = started.now &+ UInt64(max(0, limit.signedNanoseconds))
        while outcome.withLock({ $0 == nil }) {
            guard scheduler.step() else { throw SimulationError.stuck(seed: seed, steps: scheduler.steps) }
            guard scheduler.now <= end, scheduler.steps - started.steps <= steps else {
                task.cancel()
                executor.queue.die()
                throw SimulationError.tooLong(seed: seed, steps: scheduler.steps, simulated: simulated)
            }
        }
        guard let result = outcome.withLock({ $0 }) else {
            throw SimulationError.stuck(seed: seed, steps: scheduler.steps)
        }
        return try result.get()
    }
}
