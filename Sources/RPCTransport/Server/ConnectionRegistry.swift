// The connections of one listener: their places, and how they end.

import NIOCore
import NodeEnvironment
import Synchronization

/// Gives places to connections and reaches them: for a shutdown, and to tell those that give up their place. From any thread.
final class ConnectionRegistry<Connection>: Sendable {
    struct Ticket: Hashable, Sendable {
        fileprivate let number: UInt64
    }

    private typealias Entry = (loop: any EventLoop, connection: NIOLoopBound<Connection>)

    private struct State {
        var next: UInt64 = 0
        var places: ConnectionPlaces
        var connections: [UInt64: Entry] = [:]
        /// Told to go before they were added.
        var unwanted: Set<UInt64> = []
        var isClosing = false
    }

    let limit: Int
    private let state: Mutex<State>
    private let drained: EventLoopPromise<Void>
    private let evict: @Sendable (Connection) -> Void

    /// Done once the listener is closing and no connection is left.
    var whenDrained: EventLoopFuture<Void> { drained.futureResult }

    /// `evict` runs on the loop of a connection that gives up its place.
    init(places: ConnectionPlaces, loop: any EventLoop, evict: @escaping @Sendable (Connection) -> Void) {
        limit = places.limit
        state = Mutex(State(places: places))
        drained = loop.makePromise(of: Void.self)
        self.evict = evict
    }

    deinit {
        // A promise must not be dropped unfulfilled, and must be left alone once it is: its loop may be gone.
        if !state.withLock({ $0.isClosing && $0.places.count == 0 }) { drained.succeed() }
    }

    /// Takes a place for a connection from `source`, an address; nil when there is none.
    func admit(from source: String) -> Ticket? {
        let (ticket, evicted) = state.withLock { state -> (Ticket?, Entry?) in
            guard !state.isClosing else { return (nil, nil) }
            state.next += 1
            let number = state.next
            switch state.places.enter(number, from: source) {
            case .refused: return (nil, nil)
            case .admitted: return (Ticket(number: number), nil)
            case .instead(let other): return (Ticket(number: number), Self.turnOut(other, &state))
            }
        }
        if let evicted { tell(evicted) }
        return ticket
    }

    func add(_ ticket: Ticket, _ connection: NIOLoopBound<Connection>, loop: any EventLoop) {
        let isWanted = state.withLock { state in
            state.connections[ticket.number] = (loop, connection)
            return state.unwanted.remove(ticket.number) == nil
        }
        if !isWanted { tell((loop, connection)) }
    }

    /// The connection has introduced itself. False where there is no place for it: it has to be closed.
    func settle(_ ticket: Ticket, as standing: ConnectionStanding, payer: String) -> Bool {
        let (isSettled, evicted) = state.withLock { state -> (Bool, Entry?) in
            switch state.places.settle(ticket.number, as: standing, payer: payer) {
            case .settled: (true, nil)
            case .refused: (false, nil)
            case .insteadOfGuest(let other): (true, Self.turnOut(other, &state))
            }
        }
        if let evicted { tell(evicted) }
        return isSettled
    }

    private static func turnOut(_ number: UInt64, _ state: inout State) -> Entry? {
        if let known = state.connections[number] { return known }
        state.unwanted.insert(number)
        return nil
    }

    private func tell(_ one: Entry) {
        let (connection, evict) = (one.connection, evict)
        one.loop.execute { evict(connection.value) }
    }

    func remove(_ ticket: Ticket) {
        let isDrained = state.withLock { state in
            state.connections[ticket.number] = nil
            state.unwanted.remove(ticket.number)
            state.places.remove(ticket.number)
            return state.isClosing && state.places.count == 0
        }
        if isDrained { drained.succeed() }
    }

    /// Of those that have introduced themselves.
    var count: Int { state.withLock(\.places.settled) }

    var occupancy: LinkOccupancy {
        state.withLock { state in
            LinkOccupancy(
                open: state.places.settled, limit: limit, waiting: state.places.waiting,
                isContended: state.places.isContended)
        }
    }

    /// Whether half of the places are taken.
    var isCrowded: Bool { count >= max(1, limit / 2) }

    var isClosing: Bool { state.withLock(\.isClosing) }

    /// Admits no more. False when that was said before.
    func beginClosing() -> Bool {
        let (isFirst, isDrained) = state.withLock { state in
            defer { state.isClosing = true }
            return (!state.isClosing, state.places.count == 0)
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
