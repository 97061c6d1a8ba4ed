// Why a call to Meridian did not succeed, as a program branches on it.

/// A failed call. `code` says what kind of failure it is, `reason` is the server's stable word for it (ErrorInfo of
/// domain `meridian.v1`, such as "LOG_FENCED"), empty where the failure did not come from a Meridian server.
public struct MeridianClientError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The kinds of failure: gRPC's codes, and two of the client itself. New codes may appear.
    public struct Code: Hashable, Sendable, CustomStringConvertible {
        /// The name, such as "unavailable".
        public let description: String

        package init(_ description: String) { self.description = description }

        /// The caller's task was cancelled; whether the call took effect is unknown.
        public static let cancelled = Code("cancelled")
        /// The request breaks a bound of the API.
        public static let invalidArgument = Code("invalid argument")
        /// Time ran out. The outcome is unknown: repeat the call with the same event ids.
        public static let deadlineExceeded = Code("deadline exceeded")
        /// There is no such thing.
        public static let notFound = Code("not found")
        /// The certificate does not allow it.
        public static let permissionDenied = Code("permission denied")
        /// The server is at a limit; `retryAfter` says when to try again.
        public static let overloaded = Code("overloaded")
        /// The server's state does not allow it, such as a session that is not met yet.
        public static let failedPrecondition = Code("failed precondition")
        /// An event id's time lies outside the server's bounds; `metadata` has its time.
        public static let outOfRange = Code("out of range")
        /// The server does not know the method, or has it for a later version.
        public static let unimplemented = Code("unimplemented")
        /// No server answered, or it is draining or fenced.
        public static let unavailable = Code("unavailable")
        /// The server failed in a way that it did not foresee.
        public static let serverFailure = Code("server failure")
        /// The answer could not be understood.
        public static let badAnswer = Code("answer not understood")
        /// The endpoint or the TLS files cannot be used.
        public static let badEndpoint = Code("endpoint cannot be used")
    }

    /// What kind of failure it is.
    public var code: Code
    /// The server's stable reason, UPPER_SNAKE_CASE; empty when there is none.
    public var reason: String
    /// For people.
    public var message: String
    /// The server's facts, by stable keys.
    public var metadata: [String: String]
    /// The server's wish: try again, but not sooner than this.
    public var retryAfter: Duration?

    /// The attempts that failed, in their order, the last one included; at most `RegionFailure.kept`, the latest. Empty
    /// where nothing was sent.
    public internal(set) var attempts: [RegionFailure] = []

    /// A failure with everything that is known of it.
    public init(
        _ code: Code, reason: String = "", _ message: String, metadata: [String: String] = [:],
        retryAfter: Duration? = nil
    ) {
        self.code = code
        self.reason = reason
        self.message = message
        self.metadata = metadata
        self.retryAfter = retryAfter
    }

    /// The client did not send the call: `region` refuses most of what it is sent.
    static func throttled(_ region: String) -> MeridianClientError {
        MeridianClientError(
            .overloaded, reason: throttledReason,
            "not sent: \(region) refuses most calls of this kind for overload; try again later",
            retryAfter: .seconds(1))
    }

    /// The reason of calls that the client turned away by itself; no server gives it.
    public static let throttledReason = "THROTTLED_BY_CLIENT"

    /// Whether the same call may succeed later, with nothing changed by the caller.
    public var isTransient: Bool {
        code == .unavailable || code == .overloaded || code == .deadlineExceeded
    }

    /// Whether the call may have taken effect: some attempt ended without a server's word on it. Repeat it with the same
    /// event ids, in any region.
    public var isOutcomeUnknown: Bool {
        attempts.isEmpty
            ? code == .deadlineExceeded || code == .cancelled : attempts.contains(where: \.isOutcomeUnknown)
    }

    /// Code, reason and message on one line; where several attempts failed, what each node said, once.
    public var description: String {
        let summary = reason.isEmpty ? "\(code): \(message)" : "\(code) (\(reason)): \(message)"
        guard attempts.count > 1 else { return summary }
        let same = attempts.filter { $0.code == code && $0.reason == reason && $0.message == message }
        guard same.count < attempts.count else { return "\(summary); tried \(attempts.count) times" }
        return summary + "; tried " + Self.distinct(attempts).joined(separator: "; ")
    }

    /// Each failure of a node in the order in which it came first, with how often it came.
    private static func distinct(_ attempts: [RegionFailure]) -> [String] {
        var told: [(failure: RegionFailure, times: Int)] = []
        for attempt in attempts {
            if let place = told.firstIndex(where: { $0.failure.isSame(as: attempt) }) {
                told[place].times += 1
            } else {
                told.append((attempt, 1))
            }
        }
        return told.map { $0.times == 1 ? $0.failure.description : "\($0.failure), \($0.times) times" }
    }
}
