// Tells a quiet peer from a dead one.

/// Looked at in steps of `limit`: the first silent step asks the peer for a sign of life, the second gives it up. A pure
/// value; the owner's timer calls `onTick` while calls are under way.
struct SilenceWatch {
    enum Directive: Hashable {
        case none
        case ping
        case giveUp
    }

    let limit: Duration
    private var hasHeard = true
    private var hasAsked = false

    init(limit: Duration) { self.limit = limit }

    /// Something arrived.
    mutating func onHeard() {
        hasHeard = true
        hasAsked = false
    }

    mutating func onTick() -> Directive {
        defer { hasHeard = false }
        if hasHeard { return .none }
        if hasAsked { return .giveUp }
        hasAsked = true
        return .ping
    }
}
