// Who is let in: the node's serving state, and bounds on calls and bytes under way. Two atomic additions a call.

import Synchronization

/// Whether a node takes user calls.
package enum ServingState: UInt8, Hashable, Sendable {
    case starting = 0
    case active = 1
    case draining = 2
    /// A log is poisoned or fenced: reads go on, the node reports itself not ready.
    case fenced = 3
    /// The region's users are sent to other regions; mirroring goes on.
    case evacuated = 4
}

/// Shared by all loops. Every admitted call is released exactly once.
package final class AdmissionControl: Sendable {
    private let limits: AdmissionLimits
    private let calls = Atomic<Int>(0)
    private let bytes = Atomic<Int>(0)
    private let stateValue = Atomic<UInt8>(ServingState.starting.rawValue)
    private let watchers = Mutex(Watchers())

    private struct Watchers {
        var next: UInt64 = 0
        var queues: [UInt64: AsyncStream<ServingState>.Continuation] = [:]
    }

    package init(limits: AdmissionLimits) { self.limits = limits }

    /// Calls under way.
    package var callsInFlight: Int { calls.load(ordering: .relaxed) }
    /// Bytes of their requests.
    package var bytesInFlight: Int { bytes.load(ordering: .relaxed) }

    /// From any thread; holds for calls that arrive afterwards. Calls under way finish.
    package var state: ServingState {
        get { ServingState(rawValue: stateValue.load(ordering: .acquiring)) ?? .starting }
        set {
            watchers.withLock { watchers in
                guard stateValue.exchange(newValue.rawValue, ordering: .acquiringAndReleasing) != newValue.rawValue
                else { return }
                for (_, queue) in watchers.queues.sorted(by: { $0.key < $1.key }) { queue.yield(newValue) }
            }
        }
    }

    /// The state now, and again after each change; who is slow sees the newest only. Ends with the task that reads it.
    func states() -> AsyncStream<ServingState> {
        let (states, queue) = AsyncStream.makeStream(of: ServingState.self, bufferingPolicy: .bufferingNewest(1))
        let number = watchers.withLock { watchers in
            watchers.next += 1
            watchers.queues[watchers.next] = queue
            queue.yield(state)
            return watchers.next
        }
        queue.onTermination = { [weak self] _ in self?.watchers.withLock { $0.queues[number] = nil } }
        return states
    }

    /// Nil when the call is let in; then `release` is owed.
    func admit(bytes size: Int) -> Refusal? {
        switch state {
        case .active, .fenced: break
        case .starting: return Self.starting
        case .draining: return Self.draining
        case .evacuated: return Self.evacuated
        }
        guard calls.add(1, ordering: .relaxed).newValue <= limits.calls else {
            calls.subtract(1, ordering: .relaxed)
            return Self.tooManyCalls
        }
        guard bytes.add(size, ordering: .relaxed).newValue <= limits.bytes else {
            release(bytes: size)
            return Self.tooManyBytes
        }
        return nil
    }

    func release(bytes size: Int) {
        calls.subtract(1, ordering: .relaxed)
        bytes.subtract(size, ordering: .relaxed)
    }

    private static let starting = Refusal(.nodeStarting, "the node is starting").prepared()
    private static let draining = Refusal(.nodeDraining, "the node is draining: turn to another one").prepared()
    private static let evacuated = Refusal(.regionEvacuated, "the region is evacuated: turn to another one").prepared()
    private static let tooManyCalls = Refusal(.tooManyCalls, "too many calls are under way").prepared()
    private static let tooManyBytes = Refusal(.tooManyBytes, "too many bytes of requests are under way").prepared()
}
