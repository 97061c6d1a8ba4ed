// The smallest deterministic environment: everything runs at once on the caller's thread, time moves by hand.

package import ClusterModel
package import NodeEnvironment
import Synchronization

/// Builds environments for tests of single rooms. Work given to an executor runs before the call returns; scheduled work
/// runs when `advance` passes its time.
package final class SteppedEnvironment: Sendable {
    package let files: SimulatedFileStore
    package let clock: SteppedClock
    private let seed: UInt64

    package init(seed: UInt64, files: SimulatedFileStore = SimulatedFileStore()) {
        self.seed = seed
        self.files = files
        clock = SteppedClock()
    }

    package var environment: NodeEnvironment {
        NodeEnvironment(
            clock: clock, entropy: SeededEntropy(seed: seed), executors: SteppedExecutors(clock: clock), files: files,
            links: NoLinks())
    }
}

/// A clock that stands still until `advance`.
package final class SteppedClock: NodeClock {
    private struct State {
        var nanoseconds: UInt64 = 1_000_000_000
        var due: [(at: UInt64, work: SteppedWork)] = []
    }

    private let state = Mutex(State())
    private let start = WallTime(milliseconds: 1_700_000_000_000)

    package func wallTime() -> WallTime { start.advanced(by: .nanoseconds(Int64(bootTime().nanoseconds))) }

    package func bootTime() -> BootInstant { BootInstant(nanoseconds: state.withLock(\.nanoseconds)) }

    package func isSynchronised() -> Bool { true }

    package func sleep(until instant: BootInstant) async throws { advance(by: instant.since(bootTime())) }

    func schedule(_ work: SteppedWork, at instant: BootInstant) {
        state.withLock { $0.due.append((instant.nanoseconds, work)) }
    }

    /// Moves time and runs what came due, in the order of its times.
    package func advance(by duration: Duration) {
        let ready = state.withLock { state in
            state.nanoseconds += UInt64(max(0, duration.signedNanoseconds))
            let now = state.nanoseconds
            let ready = state.due.filter { $0.at <= now }.sorted { $0.at < $1.at }
            state.due.removeAll { $0.at <= now }
            return ready.map(\.work)
        }
        for work in ready { work.run() }
    }
}

package final class SteppedWork: ScheduledWork {
    private let work: Mutex<(@Sendable () -> Void)?>

    init(_ work: @escaping @Sendable () -> Void) { self.work = Mutex(work) }

    package func cancel() { work.withLock { $0 = nil } }

    func run() {
        work.withLock { work in
            defer { work = nil }; return work
        }?()
    }
}

private final class SeededEntropy: EntropySource {
    private let generator: Mutex<SeededGenerator>

    init(seed: UInt64) { generator = Mutex(SeededGenerator(seed: seed)) }

    func next() -> UInt64 { generator.withLock { $0.next() } }
}

private struct SteppedExecutors: ExecutorPool {
    let loop: SteppedExecutor

    init(clock: SteppedClock) { loop = SteppedExecutor(clock: clock) }

    var loops: [any NodeExecutor] { [loop] }

    func makeDedicatedExecutor(label: String) -> any DedicatedExecutor { SteppedDedicated() }
}

private final class SteppedExecutor: NodeExecutor {
    private let clock: SteppedClock

    init(clock: SteppedClock) { self.clock = clock }

    func execute(_ work: @escaping @Sendable () -> Void) { work() }

    func schedule(at instant: BootInstant, _ work: @escaping @Sendable () -> Void) -> any ScheduledWork {
        let scheduled = SteppedWork(work)
        clock.schedule(scheduled, at: instant)
        return scheduled
    }

    var isCurrent: Bool { true }

    func enqueue(_ job: consuming ExecutorJob) { UnownedJob(job).runSynchronously(on: asUnownedSerialExecutor()) }

    func asUnownedSerialExecutor() -> UnownedSerialExecutor { UnownedSerialExecutor(ordinary: self) }
}

private struct SteppedDedicated: DedicatedExecutor {
    func execute(_ work: @escaping @Sendable () -> Void) { work() }

    func shutDown() {}
}
