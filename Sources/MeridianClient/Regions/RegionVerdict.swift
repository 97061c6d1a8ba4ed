// What a failed attempt says about the region that it went to. The one place where failures are read this way.

/// The server's words (`google.rpc.ErrorInfo`, domain `meridian.v1`) that mean more to a client than their status.
enum ServerReason {
    static let tokenKeyUnknown = "SESSION_TOKEN_KEY_UNKNOWN"
    static let logFenced = "LOG_FENCED"
    static let clockUntrusted = "CLOCK_UNTRUSTED"
    static let startsUnsettled = "STARTS_UNSETTLED"
    static let noSpace = "NO_SPACE"
    static let remoteNotReached = "REMOTE_NOT_REACHED"
    static let sessionNotSatisfied = "SESSION_NOT_SATISFIED"
    static let tooStale = "TOO_STALE"
}

/// Why another region might do better, or might not.
package enum RegionVerdict: Hashable, Sendable {
    /// The node refused the connection, or it broke: the call goes on elsewhere at once.
    case unreachable
    /// Nothing came in the time given.
    case silent
    /// The node says that it does not serve: draining, starting, fenced, rebuilding, clock not trusted, disk full.
    /// Traffic moves at once, and comes back not sooner than `wish`. `writesOnly`: only a write can tell that it is over.
    case closed(wish: Duration?, writesOnly: Bool)
    /// This call may go better elsewhere; the region is well.
    case elsewhere
    /// Overload, or other regions not reached: try again later, here. Failing over would only move the load.
    case busy
    /// Another try changes nothing.
    case final

    package init(_ failure: MeridianClientError) {
        switch failure.code {
        case .unavailable:
            if failure.reason == ServerReason.tokenKeyUnknown {
                self = .elsewhere
            } else if failure.reason.isEmpty, failure.retryAfter == nil {
                self = .unreachable
            } else {
                let writesOnly = [
                    ServerReason.logFenced, ServerReason.clockUntrusted, ServerReason.startsUnsettled,
                ].contains(failure.reason)
                self = .closed(wish: failure.retryAfter, writesOnly: writesOnly)
            }
        case .deadlineExceeded:
            switch failure.reason {
            case "": self = .silent
            case ServerReason.remoteNotReached: self = .busy
            default: self = .elsewhere
            }
        case .overloaded:
            self = failure.reason == ServerReason.noSpace ? .closed(wish: failure.retryAfter, writesOnly: true) : .busy
        case .failedPrecondition:
            let isBehind = [ServerReason.sessionNotSatisfied, ServerReason.tooStale].contains(failure.reason)
            self = isBehind ? .elsewhere : .final
        default:
            self = .final
        }
    }

    /// Whether a server was there to say so.
    package var wasHeard: Bool { self != .unreachable && self != .silent }
}
