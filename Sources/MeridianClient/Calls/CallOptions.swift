// What a caller may ask of a single call.

/// Limits of one call.
public struct CallOptions: Hashable, Sendable {
    /// What an overloaded server sheds first.
    public enum Priority: Hashable, Sendable {
        /// What the method stands for: somebody waits for the answer, or has something to report.
        case standard
        /// Fetched ahead of need: given up before anything that somebody waits for.
        case prefetch
    }

    /// How long the caller waits in all: retries, other regions and pauses included.
    public var timeout: Duration
    /// Nil takes the client's own policy.
    public var retry: RetryPolicy?
    /// The name of the only region that the call may go to; nil lets the client choose. What operators ask of a node goes
    /// to the first region of the client where this is nil: it never turns to another one by itself.
    public var region: String?
    /// Reads only: when the first region has not answered after so long, the next one is asked too, and the first answer
    /// stands. Nil takes the client's own setting.
    public var hedgeAfter: Duration?
    /// Sent along as `meridian-priority`.
    public var priority: Priority

    /// Ten seconds, with the client's retries, in any region.
    public init(
        timeout: Duration = .seconds(10), retry: RetryPolicy? = nil, region: String? = nil,
        hedgeAfter: Duration? = nil, priority: Priority = .standard
    ) {
        self.priority = priority
        self.timeout = timeout
        self.retry = retry
        self.region = region
        self.hedgeAfter = hedgeAfter
    }
}
