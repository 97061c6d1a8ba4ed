// How many refused calls a client repeats: a part of its calls, so that retries never make an overload worse.

package import ClusterModel

/// Bounds what a client sends again after a server said that it is overloaded. Failing over to another region is not
/// bounded by it.
public struct RetryBudgetPolicy: Hashable, Sendable {
    /// Repeats earned by each call: 0.2 is one for five calls.
    public var share: Double
    /// Repeats earned a second, so that a client with few calls can repeat them at all.
    public var perSecond: Double
    /// Repeats that may be saved up.
    public var burst: Double

    /// A fifth of the calls, ten a second beside, 256 saved up.
    public init(share: Double = 0.2, perSecond: Double = 10, burst: Double = 256) {
        self.share = share
        self.perSecond = perSecond
        self.burst = burst
    }
}

/// A token bucket that calls fill and repeats empty. A value; no clock of its own.
package struct RetryBudget: Hashable, Sendable {
    private let policy: RetryBudgetPolicy
    private var tokens: Double
    private var filledAt: BootInstant?

    /// Full at first.
    package init(_ policy: RetryBudgetPolicy) {
        self.policy = policy
        tokens = policy.burst
    }

    /// A call of the caller's begins.
    package mutating func onCall() { tokens = min(policy.burst, tokens + policy.share) }

    /// Whether a call that was refused for overload may be sent again; counts it.
    package mutating func onRepeat(at now: BootInstant) -> Bool {
        if let filledAt {
            let seconds = Double(max(0, now.since(filledAt).signedNanoseconds)) * 1e-9
            tokens = min(policy.burst, tokens + seconds * policy.perSecond)
        }
        filledAt = now
        guard tokens >= 1 else { return false }
        tokens -= 1
        return true
    }
}
