// One failed attempt of a call.

/// Where an attempt went and why it failed.
public struct RegionFailure: Hashable, Sendable, CustomStringConvertible {
    /// Failures of one call that are kept: the latest.
    public static let kept = 8

    /// The region's name.
    public let region: String
    /// The node, `host:port`.
    public let endpoint: String
    /// The kind of failure.
    public let code: MeridianClientError.Code
    /// The server's stable reason; empty when no server gave one.
    public let reason: String
    /// For people.
    public let message: String
    /// How long the attempt took.
    public let elapsed: Duration

    init(region: String, endpoint: String, _ error: MeridianClientError, elapsed: Duration) {
        self.region = region
        self.endpoint = endpoint
        self.elapsed = elapsed
        code = error.code
        reason = error.reason
        message = error.message
    }

    /// Whether the call may have taken effect all the same: no server said that it did not.
    public var isOutcomeUnknown: Bool {
        code == .deadlineExceeded || code == .cancelled || (code == .unavailable && reason.isEmpty)
    }

    /// Whether two attempts failed at the same node for the same reason.
    func isSame(as other: RegionFailure) -> Bool {
        region == other.region && endpoint == other.endpoint && code == other.code && reason == other.reason
            && message == other.message
    }

    /// Region, node, and what went wrong, on one line.
    public var description: String {
        "\(region) (\(endpoint)) after \(elapsed): "
            + (reason.isEmpty ? "\(code): \(message)" : "\(code) (\(reason)): \(message)")
    }
}
