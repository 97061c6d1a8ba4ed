// Operators' requests wait here for the few tasks that serve them. The node runs `run()` in its task group, so no task
// is without an owner, and a burst of requests is bounded.

import NodeEnvironment
import Synchronization

/// Work of a lane is served in order, one at a time, since operators' questions walk all shards; what mostly waits for other
/// regions, a few at a time. Every piece of work is either served or refused, exactly once.
package final class OperatorQueue: Sendable {
    /// A request: exactly one of the two functions is called.
    struct Work: Sendable {
        var serve: @Sendable () async -> Void
        /// The node stops before the request's turn.
        var refuse: @Sendable () -> Void
    }

    /// Work of one lane never waits for work of another: a region that does not answer holds up who asks it, and nobody else.
    enum Lane: CaseIterable {
        /// Asks this node alone.
        case own
        /// Compares regions.
        case regions
        /// Asks regions, and is wanted most when one of them is in trouble.
        case evacuation

        /// Pieces of work that are served at once.
        var width: Int { self == .regions ? 4 : 1 }
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
        var lane: Lane
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

    /// One task, and its wake-ups: one for each time something was put in; one that is pending stands for all.
    private struct Server {
        let lane: Lane
        let wakes: AsyncStream<Void>
        let wake: AsyncStream<Void>.Continuation

        init(lane: Lane) {
            self.lane = lane
            (wakes, wake) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
        }
    }

    private let state = Mutex(State())
    private let servers = Lane.allCases.flatMap { lane in (0..<lane.width).map { _ in Server(lane: lane) } }

    package init() {}

    func enqueue(_ work: Work, of peer: PeerIdentity, in lane: Lane) -> Admission {
        let admission = state.withLock { state -> Admission in
            guard !state.isClosed else { return .closed }
            guard state.waiting.count < Self.capacity else { return .full }
            guard state.shares.take(peer.payer) else { return .shareSpent }
            state.waiting.append(Waiting(work: work, caller: peer.payer, lane: lane))
            return .queued
        }
        if admission == .queued { for server in servers where server.lane == lane { server.wake.yield() } }
        return admission
    }

    /// Serves until the task is cancelled, then refuses what waits. Call once.
    package func run() async {
        await withTaskGroup(of: Void.self) { group in
            for server in servers { group.addTask { [self] in await serve(server) } }
        }
        let left = state.withLock { state in
            state.isClosed = true
            defer { state.waiting = [] }
            return state.waiting
        }
        for one in left { one.work.refuse() }
    }

    private func serve(_ server: Server) async {
        for await _ in server.wakes {
            while !Task.isCancelled, let work = next(in: server.lane) { await work.serve() }
        }
    }

    private func next(in lane: Lane) -> Work? {
        state.withLock { state -> Work? in
            guard let place = state.waiting.firstIndex(where: { $0.lane == lane }) else { return nil }
            let next = state.waiting.remove(at: place)
            state.shares.giveBack(next.caller)
            return next.work
        }
    }
}
