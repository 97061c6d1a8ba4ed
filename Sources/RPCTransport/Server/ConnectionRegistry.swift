// The connections of one listener: how many, and how they end.

import NIOCore
import Synchronization

/// Counts connections against a limit and reaches them for a shutdown. From any thread.
final class ConnectionRegistry<Connection>: Sendable {
    struct Ticket: Hashable, Sendable {
        fileprivate let number: UInt64
    }

    private struct State {
        var next: UInt64 = 0
        var count = 0
        var connections: [Ticket: (loop: any EventLoop, connection: NIOLoopBound<Connection>)] = [:]
        var isClosing = false
    }

    let limit: Int
    private let state = Mutex(State())
    private let drained: EventLoopPromise<Void>

    /// Done once the listener is closing and no connection is left.
    var whenDrained: EventLoopFuture<Void> { drained.futureResult }

    init(limit: Int, loop: any EventLoop) {
        self.limit = limit
        drained = loop.makePromise(of: Void.self)
    }

    deinit {
        // A promise must not be dropped unfulfilled, and must be left alone once it is: its loop may be gone.
        if !state.withLock({ $0.isClosing && $0.count == 0 }) { drained.succeed() }
    }

    /// Takes a place for a connection; nil when there is none.
    func admit() -> Ticket? {
        state.withLock { state in
            guard !state.isClosing, state.count < limit else { return nil }
            state.count += 1
            state.next += 1
            return Ticket(number: state.next)
        }
    }

    func add(_ ticket: Ticket, _ connection: NIOLoopBound<Connection>, loop: any EventLoop) {
        state.withLock { $0.connections[ticket] = (loop, connection) }
    }

    func remove(_ ticket: Ticket) {
        let isDrained = state.withLock { state in
            state.connections[ticket] = nil
            state.count -= 1
            return state.isClosing && state.count == 0
        }
        if isDrained { drained.succeed() }
    }

    var count: Int { state.withLock(\.count) }

    /// Whether half of the places are taken.
    var isCrowded: Bool { count >= max(1, limit / 2) }

    var isClosing: Bool { state.withLock(\.isClosing) }

    /// Admits no more. False when that was said before.
    func beginClosing() -> Bool {
        let (isFirst, isDrained) = state.withLock { state in
            defer { state.isClosing = true }
            return (!state.isClosing, state.count == 0)
        }
        if isFirst, isDrained { drained.succeed() }
        return isFirst
    }

    /// Runs `body` on the loop of each connection.
    func forEach(_ body: @escaping @Sendable (Connection) -> Void) {
        let all = state.withLock { Array($0.connections.values) }
        for (loop, connection) in all { loop.execute { body(connection.value) } }
    }
}
