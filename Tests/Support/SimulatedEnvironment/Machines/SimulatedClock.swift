// The clocks of one simulated machine: virtual time, seen through offsets that tests move.

package import ClusterModel
import NodeEnvironment
import Synchronization

/// Wall time = 2023-11-14 + simulation time + an offset; boot time = simulation time - the machine's boot.
package final class SimulatedClock: NodeClock {
    private struct State {
        var wallOffset = Duration.zero
        /// The wall clock gains this many millionths of the time since `driftingSince`, a simulation time.
        var driftPerMillion: Int64 = 0
        var driftingSince: UInt64 = 0
        var isSynchronised = true
        /// Simulation time of boot instant zero, less than any time that is read.
        var bootedAt: Int64 = -1_000_000_000

        /// What the drift has added since it was set.
        func drifted(by now: UInt64) -> Duration {
            let elapsed = Int64(clamping: now) - Int64(clamping: driftingSince)
            return .nanoseconds(elapsed / 1_000_000 * driftPerMillion)
        }
    }

    private static let start = WallTime(milliseconds: 1_700_000_000_000)

    private let scheduler: SimulationScheduler
    private let state = Mutex(State())

    init(scheduler: SimulationScheduler) { self.scheduler = scheduler }

    package func wallTime() -> WallTime {
        let now = scheduler.now
        let offset = state.withLock { $0.wallOffset + $0.drifted(by: now) }
        return Self.start.advanced(by: .nanoseconds(Int64(clamping: now)) + offset)
    }

    package func bootTime() -> BootInstant {
        let nanoseconds = Int64(clamping: scheduler.now) - state.withLock(\.bootedAt)
        return BootInstant(nanoseconds: UInt64(max(0, nanoseconds)))
    }

    package func isSynchronised() -> Bool { state.withLock(\.isSynchronised) }

    package func sleep(until instant: BootInstant) async throws {
        try Task.checkCancellation()
        let sleeper = Sleeper()
        scheduler.schedule(at: simulationTime(of: instant)) { sleeper.wake() }
        await withTaskCancellationHandler {
            await sleeper.sleep()
        } onCancel: {
            sleeper.wake()
        }
        try Task.checkCancellation()
    }

    /// Moves the wall clock against everything else.
    package func jumpWallClock(by duration: Duration) { state.withLock { $0.wallOffset += duration } }

    /// Moves the wall clock and takes elapsed time along: a machine that cannot know by itself that its clock is wrong.
    package func jumpBothClocks(by duration: Duration) {
        state.withLock { state in
            state.wallOffset += duration
            state.bootedAt -= duration.signedNanoseconds
        }
    }

    /// From now on the wall clock gains that many millionths against everything else; -1,000,000 freezes it. The boot
    /// clock keeps the true time.
    package func setDrift(partsPerMillion: Int64) {
        let now = scheduler.now
        state.withLock { state in
            state.wallOffset += state.drifted(by: now)
            state.driftPerMillion = partsPerMillion
            state.driftingSince = now
        }
    }

    /// Ends every fault of the clock: as after a step of NTP.
    package func correct() {
        state.withLock { state in
            state.wallOffset = .zero
            state.driftPerMillion = 0
            state.isSynchronised = true
        }
    }

    package func setSynchronised(_ isSynchronised: Bool) { state.withLock { $0.isSynchronised = isSynchronised } }

    /// The machine starts again: its boot time begins near zero.
    func reboot() { state.withLock { $0.bootedAt = Int64(clamping: scheduler.now) - 1_000_000_000 } }

    func simulationTime(of instant: BootInstant) -> UInt64 {
        let time = Int64(clamping: instant.nanoseconds).addingReportingOverflow(state.withLock(\.bootedAt))
        return time.overflow ? UInt64(Int64.max) : UInt64(max(0, time.partialValue))
    }
}

/// One sleeping task. It is not in a queue: waking it enqueues it where it runs, and on a dead queue that is dropped.
final class Sleeper: Sendable {
    private enum State {
        case awake
        case waiting(UnsafeContinuation<Void, Never>)
        case woken
    }

    private let state = Mutex(State.awake)

    func sleep() async {
        await withUnsafeContinuation { continuation in
            let isWoken = state.withLock { state in
                if case .woken = state { return true }
                state = .waiting(continuation)
                return false
            }
            if isWoken { continuation.resume() }
        }
    }

    func wake() {
        let continuation = state.withLock { state -> UnsafeContinuation<Void, Never>? in
            defer { state = .woken }
            if case .waiting(let continuation) = state { return continuation }
            return nil
        }
        continuation?.resume()
    }
}

/// The machine's clock as one start of it sees it: sleeps end with the start.
final class MachineClock: NodeClock {
    private let clock: SimulatedClock
    private let dead = Mutex(false)

    init(_ clock: SimulatedClock) { self.clock = clock }

    var isDead: Bool { dead.withLock { $0 } }

    func die() { dead.withLock { $0 = true } }

    func wallTime() -> WallTime { clock.wallTime() }

    func bootTime() -> BootInstant { clock.bootTime() }

    func isSynchronised() -> Bool { clock.isSynchronised() }

    func sleep(until instant: BootInstant) async throws {
        if isDead { throw CancellationError() }
        try await clock.sleep(until: instant)
        if isDead { throw CancellationError() }
    }
}
