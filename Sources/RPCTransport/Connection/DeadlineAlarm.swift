// One timer for the deadlines of many calls.

import ClusterModel

/// Knows when the next timer must fire. A timer is set for the earliest deadline only; when it fires the owner looks at
/// its calls and says what the next one is. Calls that finish at once never touch it.
struct DeadlineAlarm {
    private(set) var armedAt: BootInstant?

    /// A call waits until `deadline`. True when a timer must be set for it (and the one before be cancelled).
    mutating func onDeadline(_ deadline: BootInstant) -> Bool {
        if let armedAt, armedAt <= deadline { return false }
        armedAt = deadline
        return true
    }

    /// The timer fired: none is set any more.
    mutating func onFired() { armedAt = nil }
}
