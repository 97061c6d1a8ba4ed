// A node's life as a value: what happened to it, and what follows for operators and for users' calls.

import OperatorAPI
import ServingAPI

/// Conditions are kept apart, so that one that ends lets the others stand: a fenced node that is evacuated stays fenced
/// when it is resumed.
struct NodeLife: Hashable, Sendable {
    private var isServing = false
    private var isFenced = false
    private var isDraining = false
    private var isEvacuated = false
    private var isStopping = false
    private var hasUnserved = false

    /// Everything is recovered and begun.
    mutating func onServing() { isServing = true }

    /// The log takes no more appends. Only a restart helps.
    mutating func onFenced() { isFenced = true }

    /// Some users cannot be served, for long.
    mutating func onUnserved(_ hasUnserved: Bool) { self.hasUnserved = hasUnserved }

    /// The process ends, whatever it was doing; nothing takes that back.
    mutating func onStopping() { isStopping = true }

    /// False while the node starts.
    mutating func drain() -> Bool {
        guard isServing else { return false }
        isDraining = true
        return true
    }

    /// False while the node starts or drains.
    mutating func evacuate() -> Bool {
        guard isServing, !isDraining else { return false }
        isEvacuated = true
        return true
    }

    mutating func resume() {
        isDraining = false
        isEvacuated = false
    }

    var state: NodeState {
        if isDraining || isStopping { return .draining }
        if isEvacuated { return .evacuated }
        if isFenced { return .fenced }
        guard isServing else { return .starting }
        return hasUnserved ? .impaired : .active
    }

    /// What calls of users meet.
    var admission: ServingState {
        switch state {
        case .starting: .starting
        case .active: .active
        case .impaired: .impaired
        case .draining: .draining
        case .fenced: .fenced
        case .evacuated: .evacuated
        }
    }
}
