// Peers that do not do their part: gone, silent, stalled, trickling, or simply there for too long.

/// Looks at a server's connection in even steps of `TransportLimits.watchStep` and says what to do. A pure value: the owner's
/// timer calls `onStep` with what happened since the last one.
struct ConnectionWatch: Hashable, Sendable {
    /// What happened in one step.
    struct Step: Hashable, Sendable {
        /// Bytes arrived.
        var hasHeard = false
        /// A whole frame arrived.
        var hasFrames = false
        /// There is something for the peer that it does not take.
        var hasUnsent = false
        /// Bytes of answers left.
        var hasSent = false
        /// Calls are under way.
        var hasCalls = false
        /// The listener holds half of the connections that it may.
        var isCrowded = false
    }

    enum Ending: Hashable, Sendable {
        /// Nothing was heard, not even an answer to pings: the other end is gone (half-open).
        case silent
        /// Answers wait and the peer takes nothing (slow reader).
        case stalled
        /// Bytes come, but no frame is ever finished (slow loris).
        case trickling
        /// Asked to leave, and did not.
        case overdue
    }

    enum Directive: Hashable, Sendable {
        case none
        /// Ask for a sign of life.
        case ping
        /// Nothing goes on: buffers may be given back.
        case rest
        /// Old enough, or idle for long: take no new calls, and go once those under way are answered.
        case retire
        case close(Ending)
    }

    private let limits: TransportLimits
    /// The age at which this connection retires, in steps; jittered, so that not all come back at once.
    private let retiresAt: Int?
    private var age = 0
    private var silentSteps = 0
    private var stalledSteps = 0
    private var trickleSteps = 0
    private var idleSteps = 0
    private var retiredSteps: Int?

    /// `random` is 64 uniform bits.
    init(limits: TransportLimits, random: UInt64) {
        self.limits = limits
        retiresAt = limits.maxConnectionAge.map { age in
            let jitter = 0.9 + 0.2 * Double(random >> 11) / Double(1 << 53)
            return max(1, Int((age / limits.watchStep * jitter).rounded()))
        }
    }

    /// The connection is on its way out: what is left has a limit too.
    mutating func onRetired() { retiredSteps = retiredSteps ?? 0 }

    mutating func onStep(_ step: Step) -> Directive {
        age += 1
        silentSteps = step.hasHeard ? 0 : silentSteps + 1
        stalledSteps = step.hasUnsent && !step.hasSent ? stalledSteps + 1 : 0
        trickleSteps = step.hasHeard && !step.hasFrames ? trickleSteps + 1 : 0
        idleSteps = step.hasCalls ? 0 : idleSteps + 1
        if let ending { return .close(ending) }
        if let retired = retiredSteps {
            retiredSteps = retired + 1
            return retired + 1 >= limits.maxRetiredSteps ? .close(.overdue) : .none
        }
        if let retiresAt, age >= retiresAt { return .retire }
        if let idle = limits.maxIdleSteps, idleSteps >= idle { return .retire }
        if step.isCrowded, let idle = limits.maxIdleStepsInCrowd, idleSteps >= idle { return .retire }
        if silentSteps >= limits.silentStepsBeforePing { return .ping }
        return !step.hasHeard && !step.hasCalls ? .rest : .none
    }

    private var ending: Ending? {
        if silentSteps >= limits.silentStepsBeforePing + limits.maxMissedPings { return .silent }
        if stalledSteps >= limits.maxStalledSteps { return .stalled }
        return trickleSteps >= limits.maxTrickleSteps ? .trickling : nil
    }
}
