// What a peer's frames cost us that carry no call: what every flood consists of.

/// Counts frames that cause work and bring no call on. A pure value; the session's owner takes the count and holds it
/// against a budget.
struct FrameToll: Hashable, Sendable {
    /// Bytes that a WINDOW_UPDATE should grant at least.
    static let smallIncrement: Int32 = 1_024
    private static let maxFree = 4_096

    private var cost = 0
    /// Frames that what we sent may cause: other libraries grant small pieces, a window for each of ours; and what was on
    /// its way when we reset a stream is nobody's fault.
    private var free = 0
    /// A frame has begun that has not proved to be of use.
    private var isOwed = false

    /// The count since the last time; a frame that has begun and not ended is not in it.
    mutating func take() -> Int {
        defer { cost = 0 }
        return cost
    }

    /// HEADERS, DATA or RST_STREAM were sent: two windows may be granted for each, two late frames follow.
    mutating func onSent() { if free < Self.maxFree { free += 2 } }

    /// A frame of a kind that costs something unless it turns out to be of use.
    mutating func onBegun() {
        if isOwed { onAnswerable() }
        isOwed = true
    }

    /// The frame that has begun last opens, carries or ends a call.
    mutating func onUse() { isOwed = false }

    /// A frame that costs something whatever it says.
    mutating func onCostly() { cost += 1 }

    /// A window was granted. What a call needs is free: a window is seldom granted in small pieces.
    mutating func onGranted(_ increment: Int32) {
        if increment < Self.smallIncrement { onAnswerable() }
    }

    /// A frame that may be the answer to something of ours.
    mutating func onAnswerable() {
        if free > 0 { free -= 1 } else { cost += 1 }
    }
}
