// A pull that arrived and is kept until there is something for it.

import ClusterModel
import NodeEnvironment

/// What is known of it without looking at any log.
struct WaitingPull: Sendable {
    let call: UnaryCall
    let request: PullRequest
    let arrivedAt: BootInstant
    /// When it is answered in any case.
    let due: BootInstant

    /// `longestWait`: milliseconds that the holder keeps any pull.
    init(call: UnaryCall, request: PullRequest, arrivedAt: BootInstant, longestWait: UInt32) {
        self.call = call
        self.request = request
        self.arrivedAt = arrivedAt
        due = arrivedAt.advanced(by: .milliseconds(Int64(min(request.waitMilliseconds, longestWait))))
    }

    /// Whether both are one arrival of one pull.
    func isSame(as other: WaitingPull) -> Bool {
        arrivedAt == other.arrivedAt && request.incarnation == other.request.incarnation
            && request.generation == other.request.generation
    }

    /// Whether the follower may want the log: all but what it writes itself.
    func concerns(_ log: LogIdentity) -> Bool {
        log.name.region != request.follower || log.incarnation < request.incarnation
    }
}
