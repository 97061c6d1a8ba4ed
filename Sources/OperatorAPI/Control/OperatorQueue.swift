// Operators' requests wait here for the one task that serves them. The node runs `run()` in its task group, so no task
// is without an owner, and a burst of requests is bounded.

import NodeEnvironment
import Synchronization

/// Work is served in order, one at a time: operators' questions walk all shards. Every piece of work is either served
/// or refused, exactly once.
package final class OperatorQueue: Sendable {
    /// A request: exactly one of the two functions is called.
    struct Work: Sendable {
        var serve: @Sendable () async -> Void
        /// The node stops before the request's turn.
        var refuse: @Sendable () -> Void
    }

    enum Admission {
        case queued
        case full
        /// The caller has as many waiting as it may.
        case shareSpent
        /// `run` has ended.
        case closed
    }

    private struct Waiting {
        var work: Work
        var caller: String
    }

    private struct State {
        var waiting: [Waiting] = []
        var shares = CallerShares(limit: OperatorQueue.callerCapacity)
        var isClosed = false
    }

    /// Requests that wait; further ones are refused.
    package static let capacity = 32
    /// Those of one caller: a script that asks as often as it can keeps no operator out.
    package static let callerCapacity = 8

    private let state = Mutex(State())
    /// A wake-up for each time something was put in; one that is pending stands for all.
    private let wakes = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))

    package init() {}

    func enqueue(_ work: Work, of peer: PeerIdentity) -> Admission {
        let admission = state.withLock { state -> Admission in
            guard !state.isClosed else { return .closed }
            guard state.waiting.count < Self.capacity else { return .full }
            guard state.shares.take(peer.payer) else { return .shareSpent }
            state.waiting.append(Waiting(work: work, caller: peer.payer))
            return .queued
        }
        if admission == .queued { wakes.continuation.yield() }
        return admission
    }

    /// Serves until the task is cancelled, then refuses what waits. Call once.
    package func run() async {
        for await _ in wakes.stream {
            while !Task.isCancelled, let work = next() { await work.serve() }
        }
        let left = state.withLock { state in
            state.isClosed = true
            defer { state.waiting = [] }
            return state.waiting
        }
        for one in left { one.work.refuse() }
    }

    private func next() -> Work? {
        state.withLock { state -> Work? in
            guard !state.waiting.isEmpty else { return nil }
            let next = state.waiting.removeFirst()
            state.shares.giveBack(next.caller)
            return next.work
        }
    }
}
