// What failures say of a region: one table.

import ClusterModel
import Testing

@testable import MeridianClient

@Suite struct RegionVerdictTests {
    private static let second = Duration.seconds(1)

    @Test func everyFailureIsReadOnce() {
        let table: [(MeridianClientError.Code, String, Duration?, RegionVerdict)] = [
            (.unavailable, "", nil, .unreachable),
            (.unavailable, "", Self.second, .closed(wish: Self.second, writesOnly: false)),
            (.unavailable, "NODE_DRAINING", Self.second, .closed(wish: Self.second, writesOnly: false)),
            (.unavailable, "A_REASON_OF_TOMORROW", nil, .closed(wish: nil, writesOnly: false)),
            (.unavailable, "LOG_FENCED", nil, .closed(wish: nil, writesOnly: true)),
            (.unavailable, "CLOCK_UNTRUSTED", nil, .closed(wish: nil, writesOnly: true)),
            (.unavailable, "STARTS_UNSETTLED", nil, .closed(wish: nil, writesOnly: true)),
            (.unavailable, "SESSION_TOKEN_KEY_UNKNOWN", Self.second, .elsewhere),
            (.deadlineExceeded, "", nil, .silent),
            (.deadlineExceeded, "DEADLINE_PASSED", nil, .elsewhere),
            (.deadlineExceeded, "REMOTE_NOT_REACHED", nil, .busy),
            (.overloaded, "BACKLOG_FULL", Self.second, .busy),
            (.overloaded, "NO_SPACE", Self.second, .closed(wish: Self.second, writesOnly: true)),
            (.failedPrecondition, "SESSION_NOT_SATISFIED", nil, .elsewhere),
            (.failedPrecondition, "TOO_STALE", nil, .elsewhere),
            (.failedPrecondition, "NOT_ENOUGH_REGIONS", nil, .final),
            (.invalidArgument, "FIELD_OUT_OF_BOUNDS", nil, .final),
            (.serverFailure, "INTERNAL_FAULT", nil, .final),
            (.permissionDenied, "OPERATOR_REQUIRED", nil, .final),
            (.cancelled, "", nil, .final),
        ]
        for (code, reason, wish, verdict) in table {
            let failure = MeridianClientError(code, reason: reason, "", retryAfter: wish)
            #expect(RegionVerdict(failure) == verdict, "\(code) \(reason)")
        }
    }

    @Test func onlyAServersWordSettlesAnOutcome() {
        func failure(_ code: MeridianClientError.Code, _ reason: String = "") -> MeridianClientError {
            var error = MeridianClientError(code, reason: reason, "")
            error.attempts = [RegionFailure(region: "a", endpoint: "a:1", error, elapsed: .zero)]
            return error
        }
        #expect(failure(.unavailable).isOutcomeUnknown, "the connection broke: the call may have arrived")
        #expect(failure(.deadlineExceeded, "REMOTE_NOT_REACHED").isOutcomeUnknown)
        #expect(!failure(.unavailable, "NODE_DRAINING").isOutcomeUnknown)
        #expect(!failure(.overloaded, "BACKLOG_FULL").isOutcomeUnknown)
    }
}
