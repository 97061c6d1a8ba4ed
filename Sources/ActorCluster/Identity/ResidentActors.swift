// The actors that live on this node.

import ClusterModel
import Distributed
import Synchronization

/// Identity to actor, bounded, weak: an entry ends when its actor resigns. Each operation takes one lock for a look-up.
final class ResidentActors: Sendable {
    private enum Entry {
        /// `start` was called, `assignID` was not yet.
        case reserved
        /// The actor's initialiser runs.
        case claimed
        case living(Resident)
    }

    private struct Resident {
        weak var actor: (any ClusterActor)?
    }

    private struct State {
        var entries: [ActorIdentity: Entry] = [:]
        var unnamed: UInt64 = 0
    }

    private let state = Mutex(State())
    private let limit: Int

    init(limit: Int) { self.limit = limit }

    var count: Int { state.withLock { $0.entries.count } }

    func reserve(_ identity: ActorIdentity) throws(ActorCallError) {
        let refusal = state.withLock { state -> ActorCallError? in
            if state.entries[identity] != nil {
                return ActorCallError(.duplicateIdentity, "\(identity) lives here already")
            }
            if state.entries.count >= limit {
                return ActorCallError(.tooManyActors, "\(limit) actors live here already")
            }
            state.entries[identity] = .reserved
            return nil
        }
        if let refusal { throw refusal }
    }

    /// Whether the reservation was there to take; a reservation serves one actor.
    func claim(_ identity: ActorIdentity) -> Bool {
        state.withLock { state in
            guard case .reserved = state.entries[identity] else { return false }
            state.entries[identity] = .claimed
            return true
        }
    }

    func ready(_ actor: any ClusterActor) {
        state.withLock { state in
            guard case .claimed = state.entries[actor.id] else { return }
            state.entries[actor.id] = .living(Resident(actor: actor))
        }
    }

    func find(_ identity: ActorIdentity) -> (any ClusterActor)? {
        state.withLock { state in
            guard case .living(let resident) = state.entries[identity] else { return nil }
            return resident.actor
        }
    }

    func remove(_ identity: ActorIdentity) { state.withLock { $0.entries[identity] = nil } }

    /// An identity that nobody can resolve.
    func unnamed() -> ActorIdentity {
        state.withLock { state in
            state.unnamed &+= 1
            return ActorIdentity(kind: .unnamed, region: RegionNumber(0), number: state.unnamed)
        }
    }
}
