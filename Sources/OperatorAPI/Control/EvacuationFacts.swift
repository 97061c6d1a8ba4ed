// What an evacuation still waits for. Pure.

/// Read in this order, one after the other: once no call is under way and nothing waits for the disk, what is mirrored
/// then is all that users ever wrote here.
struct EvacuationFacts: Hashable, Sendable {
    var state: NodeState
    /// User calls that were let in before.
    var callsInFlight: Int
    /// Records appended and not yet flushed.
    var unflushedRecords: Int
    /// Own flushed records that no other region has flushed; nil where there is no other region.
    var unmirrored: UInt64?

    /// A region that is alone has nobody to move to: there it is complete once everything is flushed.
    var isComplete: Bool {
        state == .evacuated && callsInFlight == 0 && unflushedRecords == 0 && (unmirrored ?? 0) == 0
    }
}
