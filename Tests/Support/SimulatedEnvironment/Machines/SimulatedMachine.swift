// One simulated machine: loops, threads, a disk and clocks; it can lose power, be killed, and start again.

import ClusterModel
package import NodeEnvironment
import Synchronization

/// A machine is on from its making. `environment` is the present start's: take it again after `restart`.
package final class SimulatedMachine: Sendable {
    /// One life of the machine, from a start to a crash.
    final class Boot: Sendable {
        let executors: SimulatedExecutors
        let files: MachineFiles
        let links: SimulatedLinks
        let entropy: SimulatedEntropy
        let clock: MachineClock
        private let tasks = Mutex<[MachineTask]>([])

        init(
            executors: SimulatedExecutors, files: MachineFiles, links: SimulatedLinks, entropy: SimulatedEntropy,
            clock: MachineClock
        ) {
            self.clock = clock
            self.executors = executors
            self.files = files
            self.links = links
            self.entropy = entropy
        }

        func add(_ task: MachineTask) { tasks.withLock { $0.append(task) } }

        /// Everything that this start reaches fails from now on; its tasks are cancelled where they run, not here, where
        /// a job may be in the middle of something.
        func end() {
            files.die()
            clock.die()
            let tasks = tasks.withLock { $0 }
            executors.loops.first?.execute { for task in tasks { task.cancel() } }
            executors.die()
        }
    }

    package let name: String
    /// What survives a crash.
    package let disk = SimulatedFileStore()
    package let clock: SimulatedClock
    private let loopCount: Int
    private let scheduler: SimulationScheduler
    private let network: SimulatedNetwork
    private let boot: Mutex<Boot?>
    private let task = Mutex<MachineTask?>(nil)
    private let generator: Mutex<SeededGenerator>

    init(name: String, loops: Int, scheduler: SimulationScheduler, network: SimulatedNetwork) {
        self.name = name
        loopCount = loops
        self.scheduler = scheduler
        self.network = network
        clock = SimulatedClock(scheduler: scheduler)
        generator = Mutex(SeededGenerator(seed: scheduler.derivedSeed()))
        boot = Mutex(nil)
        switchOn()
    }

    package var isUp: Bool { boot.withLock { $0 != nil } }

    /// What a node of the present start runs on; of a machine that is down, the environment of a dead one.
    package var environment: NodeEnvironment {
        let boot = boot.withLock { $0 } ?? makeBoot(alive: false)
        return NodeEnvironment(
            clock: boot.clock, entropy: boot.entropy, executors: boot.executors, files: boot.files, links: boot.links)
    }

    /// Runs `body` as a task on the machine's first loop. It ends with the machine; what it throws is kept for
    /// `MachineTask.outcome`.
    @discardableResult
    package func start(_ body: @escaping @Sendable (NodeEnvironment) async throws -> Void) -> MachineTask {
        let environment = environment
        let outcome = MachineTask()
        guard let boot = boot.withLock({ $0 }), let loop = boot.executors.loops.first else { return outcome }
        let task = Task(executorPreference: loop) {
            do {
                try await body(environment)
                if !boot.clock.isDead { outcome.end(.success(())) }
            } catch {
                if !boot.clock.isDead { outcome.end(.failure(error)) }
            }
        }
        outcome.begin(task)
        boot.add(outcome)
        self.task.withLock { $0 = outcome }
        return outcome
    }

    /// What was started last.
    package var currentTask: MachineTask? { task.withLock { $0 } }

    /// Power is gone: queued work, timers and links end, and of what was not synced a seeded part reaches the disk.
    package func crash() {
        guard let dead = takeBoot() else { return }
        scheduler.note("crash \(name)")
        end(dead)
        generator.withLock { disk.crash(using: &$0) }
    }

    /// kill -9: as `crash`, but the page cache stays, so that all that was written is there.
    package func kill() {
        guard let dead = takeBoot() else { return }
        scheduler.note("kill \(name)")
        end(dead)
        disk.releaseLocks()
    }

    /// Power goes just before the file operation that is `count` from now (0: the next one), in the middle of whatever
    /// the machine does then; further operations of this start fail.
    package func cutPower(afterFileOperations count: Int) {
        boot.withLock { $0 }?.files.arm(after: count) { [weak self] in self?.crash() }
    }

    /// The disk answers nobody for so long, and then goes on as if nothing had been (FAULTS 1.16). What a thread
    /// had begun is done.
    package func stallDisk(for duration: Duration) {
        scheduler.note("stall \(name)")
        let nanoseconds = UInt64(max(0, duration.signedNanoseconds))
        boot.withLock { $0 }?.executors.stall.until = scheduler.now + nanoseconds
    }

    /// The simulation ends: no crash, the disk stays as it is.
    func switchOff() {
        if let dead = takeBoot() { end(dead) }
    }

    /// Starts a machine that is down; on one that is up, crashes it first.
    package func restart() {
        crash()
        scheduler.note("start \(name)")
        clock.reboot()
        switchOn()
    }

    private func switchOn() {
        let made = makeBoot(alive: true)
        boot.withLock { $0 = made }
    }

    private func takeBoot() -> Boot? {
        boot.withLock { boot in
            defer { boot = nil }
            return boot
        }
    }

    private func end(_ dead: Boot) {
        dead.end()
        network.disconnect(dead.links)
    }

    private func makeBoot(alive: Bool) -> Boot {
        let executors = SimulatedExecutors(count: loopCount, scheduler: scheduler, clock: clock)
        let boot = Boot(
            executors: executors, files: MachineFiles(disk: disk),
            links: SimulatedLinks(machine: name, loops: executors.simulatedLoops, network: network, clock: clock),
            entropy: SimulatedEntropy(seed: generator.withLock { $0.next() }), clock: MachineClock(clock))
        if !alive { boot.end() }
        return boot
    }
}

/// A task that a machine runs.
package final class MachineTask: Sendable {
    private struct State {
        var task: Task<Void, Never>?
        var outcome: Result<Void, any Error>?
    }

    private let state = Mutex(State())

    /// Nil while it runs, and for ever when its machine crashed first.
    package var outcome: Result<Void, any Error>? { state.withLock(\.outcome) }

    package func cancel() { state.withLock(\.task)?.cancel() }

    func begin(_ task: Task<Void, Never>) { state.withLock { $0.task = task } }

    func end(_ outcome: Result<Void, any Error>) { state.withLock { $0.outcome = outcome } }
}

/// The machine's randomness.
final class SimulatedEntropy: EntropySource {
    private let generator: Mutex<SeededGenerator>

    init(seed: UInt64) { generator = Mutex(SeededGenerator(seed: seed)) }

    func next() -> UInt64 { generator.withLock { $0.next() } }
}

/// The executors of one start.
final class SimulatedExecutors: ExecutorPool {
    let simulatedLoops: [SimulatedExecutor]
    let stall = DiskStall()
    private let scheduler: SimulationScheduler
    private let threads = Mutex<(queues: [JobQueue], areDead: Bool)>(([], false))

    init(count: Int, scheduler: SimulationScheduler, clock: SimulatedClock) {
        self.scheduler = scheduler
        simulatedLoops = (0..<max(1, count)).map { _ in
            SimulatedExecutor(queue: JobQueue(scheduler: scheduler), clock: clock)
        }
    }

    var loops: [any NodeExecutor] { simulatedLoops }

    func makeDedicatedExecutor(label: String) -> any DedicatedExecutor {
        let queue = JobQueue(scheduler: scheduler)
        let areDead = threads.withLock { threads in
            threads.queues.append(queue)
            return threads.areDead
        }
        if areDead { queue.die() }
        return SimulatedThread(queue: queue, stall: stall)
    }

    func die() {
        for loop in simulatedLoops { loop.queue.die() }
        let queues = threads.withLock { threads in
            threads.areDead = true
            return threads.queues
        }
        for queue in queues { queue.die() }
    }
}
