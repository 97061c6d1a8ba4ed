// Who is let in: the node's serving state, bounds on calls and bytes under way, and the age of what waits.

import ClusterModel
package import NodeEnvironment
import Synchronization

/// Shared by all loops. Every admitted call is released exactly once.
package final class AdmissionControl: Sendable {
    private let limits: AdmissionLimits
    /// One a loop; the first also serves calls of executors that are no loop of the node's.
    private let lanes: [LoopLane]
    /// Writes that wait for the disk.
    package let flushes: FlushWaits
    private let calls = Atomic<Int>(0)
    private let bytes = Atomic<Int>(0)
    private let fullDisk = Atomic<Bool>(false)
    private let stateValue = Atomic<UInt8>(ServingState.starting.rawValue)
    private let watchers = Mutex(Watchers())

    private struct Watchers {
        var next: UInt64 = 0
        var queues: [UInt64: AsyncStream<ServingState>.Continuation] = [:]
    }

    /// `loops`: where calls arrive; each has a controller of its own.
    package init(limits: AdmissionLimits, loops: [any NodeExecutor] = []) {
        self.limits = limits
        flushes = FlushWaits(limit: limits.load.flushLimit)
        lanes = loops.isEmpty ? [LoopLane(limits.load, nil)] : loops.map { LoopLane(limits.load, $0) }
    }

    /// Calls under way.
    package var callsInFlight: Int { calls.load(ordering: .relaxed) }
    /// Bytes of their requests.
    package var bytesInFlight: Int { bytes.load(ordering: .relaxed) }

    /// Whether the log has no room: writes are refused at once, instead of each shard taking one more that waits for room, and
    /// the age of those that wait says nothing. From any thread.
    package var isDiskFull: Bool {
        get { fullDisk.load(ordering: .relaxed) }
        set { fullDisk.store(newValue, ordering: .relaxed) }
    }

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

    /// Nil when the call is let in; then `release` is owed. Called on the loop where the call arrived.
    func admit(_ ticket: AdmissionTicket) -> Refusal? {
        switch state {
        case .active, .fenced, .impaired: break
        case .starting: return Self.starting
        case .draining: return Self.draining
        case .evacuated: return Self.evacuated
        }
        if ticket.appends, isDiskFull { return Self.noSpace }
        let lane = lane(of: ticket.executor)
        if let refusal = lane.admit(ticket) { return refusal }
        if ticket.priority == .write, flushes.isOverdue(at: ticket.now), !isDiskFull { return lane.refuseFlush() }
        let share = limits.share(of: ticket.priority)
        guard calls.add(1, ordering: .relaxed).newValue <= share.calls else {
            calls.subtract(1, ordering: .relaxed)
            return Self.tooManyCalls
        }
        guard bytes.add(ticket.bytes, ordering: .relaxed).newValue <= share.bytes else {
            releaseShared(bytes: ticket.bytes)
            return Self.tooManyBytes
        }
        // Always taken, so that it is always given back.
        guard ticket.account?.take(bytes: ticket.bytes, within: limits.part(of: share)) != false else {
            releaseShared(bytes: ticket.bytes)
            return Self.clientShareSpent
        }
        return nil
    }

    /// A node has few loops.
    private func lane(of executor: any NodeExecutor) -> LoopLane {
        for lane in lanes where lane.executor === executor { return lane }
        return lanes[0]
    }

    /// The figures of the loop whose queue is the oldest. From any thread.
    package var load: LoadFigures {
        var worst = LoadFigures()
        for lane in lanes { worst.merge(lane.figures) }
        return worst
    }

    /// An admitted call is over.
    func release(bytes size: Int, _ account: CallerAccount?) {
        account?.giveBack(bytes: size)
        releaseShared(bytes: size)
    }

    private func releaseShared(bytes size: Int) {
        calls.subtract(1, ordering: .relaxed)
        bytes.subtract(size, ordering: .relaxed)
    }

    private static let noSpace = Refusal(.noSpace, "the node's disk is full").prepared()
    private static let starting = Refusal(.nodeStarting, "the node is starting").prepared()
    private static let draining = Refusal(.nodeDraining, "the node is draining: turn to another one").prepared()
    private static let evacuated = Refusal(.regionEvacuated, "the region is evacuated: turn to another one").prepared()
    private static let tooManyCalls = Refusal(.tooManyCalls, "too many calls are under way").prepared()
    private static let tooManyBytes = Refusal(.tooManyBytes, "too many bytes of requests are under way").prepared()
    private static let clientShareSpent = Refusal(
        .clientShareSpent, "this client has its share of calls or bytes under way already"
    ).prepared()
}
