// What a failed attempt says about the region that it went to. The one place where failures are read this way.

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
            if failure.reason == "SESSION_TOKEN_KEY_UNKNOWN" {
                self = .elsewhere
            } else if failure.reason.isEmpty, failure.retryAfter == nil {
                self = .unreachable
            } else {
                let writesOnly = failure.reason == "LOG_FENCED" || failure.reason == "CLOCK_UNTRUSTED"
                self = .closed(wish: failure.retryAfter, writesOnly: writesOnly)
            }
        case .deadlineExceeded:
            switch failure.reason {
            case "": self = .silent
            case "REMOTE_NOT_REACHED": self = .busy
            default: self = .elsewhere
            }
        case .overloaded:
            self = failure.reason == "NO_SPACE" ? .closed(wish: failure.retryAfter, writesOnly: true) : .busy
        case .failedPrecondition:
            self = failure.reason == "SESSION_NOT_SATISFIED" || failure.reason == "TOO_STALE" ? .elsewhere : .final
        default:
            self = .final
        }
    }

    /// Whether a server was there to say so.
    package var wasHeard: Bool { self != .unreachable && self != .silent }
}
