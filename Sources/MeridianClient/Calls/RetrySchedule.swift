// When a failed call is tried again: exponential back-off with jitter, within the caller's deadline.

package import ClusterModel

/// The bounds of retrying.
public struct RetryPolicy: Hashable, Sendable {
    /// The longest wait before the second try; doubled for each further one.
    public var firstDelay: Duration
    /// The longest wait between two tries, unless the server asks for more.
    public var longestDelay: Duration
    /// Rounds of one call, the first included: in each, every region that may help is tried. One means a single try, with
    /// no other region after it.
    public var attempts: Int
    /// How long one try may take before its outcome counts as unknown and the call is tried again. Where another region
    /// could answer, `FailoverPolicy.longestAttempt` is what counts.
    public var attemptTimeout: Duration
    /// Whether a call waits for nodes of which none can be reached. False ends it once all have been tried.
    public var awaitsNodes: Bool

    /// 25 ms doubling to 1 s, 64 rounds, 2 s for a try where no other region is there, all within the caller's deadline.
    public init(
        firstDelay: Duration = .milliseconds(25), longestDelay: Duration = .seconds(1), attempts: Int = 64,
        attemptTimeout: Duration = .seconds(2), awaitsNodes: Bool = true
    ) {
        self.firstDelay = firstDelay
        self.longestDelay = longestDelay
        self.attempts = attempts
        self.attemptTimeout = attemptTimeout
        self.awaitsNodes = awaitsNodes
    }

    /// One try, for calls that must not be repeated.
    public static let never = RetryPolicy(attempts: 1, attemptTimeout: .seconds(3_600))
}

/// The state of one call's retrying. A value; no clock and no randomness of its own.
package struct RetrySchedule: Hashable, Sendable {
    package enum Directive: Hashable, Sendable {
        case retry(at: BootInstant)
        /// The failure is the caller's to see.
        case giveUp
    }

    private let policy: RetryPolicy
    private let deadline: BootInstant
    /// Rounds that have failed.
    package private(set) var failures = 0
    private var delay: Duration

    package init(_ policy: RetryPolicy, deadline: BootInstant) {
        self.policy = policy
        self.deadline = deadline
        delay = policy.firstDelay
    }

    /// The deadline of a try that starts now.
    package func attemptDeadline(at now: BootInstant) -> BootInstant {
        min(deadline, now.advanced(by: policy.attemptTimeout))
    }

    /// `random` is 64 uniform bits: the wait is between half and all of the current delay, so that callers that failed
    /// together do not come back together; never shorter than what the server asked for, and up to a quarter longer. No
    /// try begins at or after the deadline.
    package mutating func onFailure(
        _ failure: MeridianClientError, at now: BootInstant, random: UInt64
    ) -> Directive {
        guard onRound(), failure.isTransient else { return .giveUp }
        return pause(wish: failure.retryAfter ?? .zero, at: now, random: random)
    }

    /// Whether a round in which nobody could be reached may be followed by another.
    package var awaitsNodes: Bool { policy.awaitsNodes }

    /// Whether a failed try may be followed by another at all.
    package var repeats: Bool { policy.attempts > 1 }

    /// Counts a round that failed; false when there is none left.
    package mutating func onRound() -> Bool {
        failures += 1
        return failures < policy.attempts
    }

    /// The next pause. One that would outlast the deadline is cut, so that the last try begins while there is time for
    /// an answer; what the server asked for is never cut.
    package mutating func pause(wish: Duration, at now: BootInstant, random: UInt64) -> Directive {
        let half = delay / 2
        let share = Double(random >> 11) / Double(UInt64(1) << 53)
        var wait = half + half * share
        let left = deadline.since(now)
        if wait >= left, left > policy.firstDelay * 2 { wait = left / 2 }
        delay = min(delay * 2, policy.longestDelay)
        let next = now.advanced(by: max(wait, wish + wish / 4 * share))
        return next < deadline ? .retry(at: next) : .giveUp
    }
}
