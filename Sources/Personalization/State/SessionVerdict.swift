// Sessions against lines (S12).

/// What became of a position that a session names.
package enum SessionVerdict: Hashable, Sendable {
    case met
    /// Not applied here yet.
    case pending
    /// Beyond the agreed end of its incarnation: that record died unflushed, LOST_TAIL.
    case lost
}
