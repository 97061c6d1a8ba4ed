// Which refused calls are written down, so that a caller who is refused all day does not fill a log.

import ClusterModel

/// Which denials are told: a few at once, then one now and again. A value.
struct DenialLog: Hashable, Sendable {
    static let burst = 10
    static let every: Duration = .seconds(6)

    private var left = DenialLog.burst
    private var refilledAt = BootInstant(nanoseconds: 0)
    private var untold = 0

    /// How many were not told before this one; nil where this one is not told either.
    mutating func onDenied(at now: BootInstant) -> Int? {
        if left == Self.burst { refilledAt = now }
        while left < Self.burst, now.since(refilledAt) >= Self.every {
            left += 1
            refilledAt = refilledAt.advanced(by: Self.every)
        }
        guard left > 0 else {
            untold += 1
            return nil
        }
        left -= 1
        defer { untold = 0 }
        return untold
    }
}
