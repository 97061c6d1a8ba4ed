// What a caller may ask of a single call.

/// Limits of one call.
public struct CallOptions: Hashable, Sendable {
    /// How long the caller waits in all, retries included.
    public var timeout: Duration
    /// Nil takes the client's own policy.
    public var retry: RetryPolicy?

    /// Ten seconds, with the client's retries.
    public init(timeout: Duration = .seconds(10), retry: RetryPolicy? = nil) {
        self.timeout = timeout
        self.retry = retry
    }
}
