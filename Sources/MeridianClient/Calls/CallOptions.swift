// What a caller may ask of a single call.

/// Limits of one call.
public struct CallOptions: Hashable, Sendable {
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

    /// Ten seconds, with the client's retries, in any region.
    public init(
        timeout: Duration = .seconds(10), retry: RetryPolicy? = nil, region: String? = nil,
        hedgeAfter: Duration? = nil
    ) {
        self.timeout = timeout
        self.retry = retry
        self.region = region
        self.hedgeAfter = hedgeAfter
    }
}
