// The subscribers that a node serves at a time: so many in all, and so many of one client.

import NodeEnvironment
import Synchronization

/// Thread-safe.
final class SubscriberPlaces: Sendable {
    enum Outcome {
        case taken(SubscriberPlace)
        /// There is none left.
        case full
        /// This client has as many as it may.
        case shareSpent
    }

    private struct State {
        var taken = 0
        var shares: CallerShares
    }

    let limit: Int
    private let state: Mutex<State>

    /// `clientPercent`: what one client may have of `limit`.
    init(limit: Int, clientPercent: Int) {
        self.limit = limit
        state = Mutex(State(shares: CallerShares(clientPercent, of: limit)))
    }

    var taken: Int { state.withLock(\.taken) }

    func take(for peer: PeerIdentity) -> Outcome {
        let caller = peer.payer
        return state.withLock { state in
            guard state.taken < limit else { return .full }
            guard state.shares.take(caller) else { return .shareSpent }
            state.taken += 1
            return .taken(SubscriberPlace(self, caller))
        }
    }

    fileprivate func giveBack(_ caller: String) {
        state.withLock { state in
            state.taken -= 1
            state.shares.giveBack(caller)
        }
    }
}

/// One subscriber among those that a node serves; given back once.
final class SubscriberPlace: Sendable {
    private let places: SubscriberPlaces
    private let caller: String
    private let isLeft = Atomic(false)

    init(_ places: SubscriberPlaces, _ caller: String) {
        self.places = places
        self.caller = caller
    }

    deinit { leave() }

    func leave() {
        guard !isLeft.exchange(true, ordering: .relaxed) else { return }
        places.giveBack(caller)
    }
}
