// One region as the client sees it.

package import ClusterModel

/// A region's standing and what it rests on. A value; `RegionChoice` decides over several.
package struct RegionState: Hashable, Sendable {
    package enum Standing: Hashable, Sendable {
        /// Answers, or was never asked.
        case up
        /// Failed. Not asked before `until` while another region is there; one trial at a time afterwards.
        case down(until: BootInstant)
        /// Answers trials again; trusted with traffic when it still does at `trusted`.
        case returning(trusted: BootInstant, nextTrial: BootInstant)
    }

    /// Weights of silence: enough of them in a row, without an answer between them, and the region is down.
    enum Silence {
        static let full = 8
        static let cutShort = 4
        static let lostHedge = 1
        static let limit = 16
        /// A region of many nodes may have one that hangs.
        static let perEndpoint = 8
        static let countedEndpoints = 3
    }

    /// The doublings of a hold.
    private static let maxFlaps = 3
    /// A region that was up for so many of its longest rests begins anew.
    private static let forgivenRests = 4
    /// A returning region is tried so often during its hold.
    private static let trialsInHold = 4

    package private(set) var standing = Standing.up
    package private(set) var ring: EndpointRing
    package private(set) var latency = LatencyEstimate()
    /// When anything was heard from it.
    package private(set) var lastHeard: BootInstant?
    /// When somebody last asked for a sign of life.
    private(set) var lastAsked: BootInstant?
    /// When its standing last fell; failures of attempts that began before tell nothing new.
    private(set) var fellAt: BootInstant?
    /// Only an accepted write proves it well again.
    private(set) var needsWrite = false
    /// A trial is under way until then at the latest.
    private var trialEnd: BootInstant?
    private var upSince: BootInstant?
    private var nodeLostAt: BootInstant?
    private var silence = 0
    private var failedTrials = 0
    private var flaps = 0

    package init(endpoints: Int) { ring = EndpointRing(count: endpoints) }

    package var isUp: Bool { standing == .up }

    var isReturning: Bool { if case .returning = standing { true } else { false } }

    /// Down, and to be left alone.
    package func isResting(at now: BootInstant) -> Bool {
        if case .down(let until) = standing { now < until } else { false }
    }

    /// When its rest ends; nil for a region that is not down.
    var restEnd: BootInstant? { if case .down(let until) = standing { until } else { nil } }

    /// Whether one call may find out how it is.
    func isTrialDue(at now: BootInstant) -> Bool {
        !isAsked(at: now) && (nextTrial.map { $0 <= now } ?? false)
    }

    /// A trial or a sign of life is under way.
    func isAsked(at now: BootInstant) -> Bool { trialEnd.map { now < $0 } ?? false }

    /// When it may be tried again; nil for a region that is up.
    var nextTrial: BootInstant? {
        switch standing {
        case .up: nil
        case .down(let until): until
        case .returning(_, let next): next
        }
    }

    mutating func beginTrial(until end: BootInstant, at now: BootInstant) {
        trialEnd = end
        lastAsked = now
    }

    mutating func endTrial() { trialEnd = nil }

    // MARK: Events

    mutating func onHeard(at now: BootInstant) {
        lastHeard = now
        silence = 0
    }

    /// `isAlone`: no other region is up, so that there is nothing to wait for.
    mutating func onAnswer(
        _ endpoint: Int, trip: Duration?, isWrite: Bool, isAlone: Bool, at now: BootInstant, policy: FailoverPolicy,
        random: UInt64
    ) {
        onHeard(at: now)
        ring.onAnswer(endpoint)
        if let trip { latency.onAnswer(trip) }
        guard !needsWrite || isWrite else { return }
        let hold = hold(policy, random)
        switch standing {
        case .up: break
        case .down where isAlone: rise(at: now)
        case .down:
            standing = .returning(
                trusted: now.advanced(by: hold), nextTrial: now.advanced(by: hold / Self.trialsInHold))
        case .returning(let trusted, _) where isAlone || trusted <= now: rise(at: now)
        case .returning(let trusted, _):
            standing = .returning(
                trusted: trusted, nextTrial: min(trusted, now.advanced(by: hold / Self.trialsInHold)))
        }
        failedTrials = 0
    }

    /// Takes silence into account; true when the region is to be marked down.
    mutating func onSilence(_ weight: Int, endpoint: Int) -> Bool {
        silence += weight
        if weight >= Silence.full { ring.onFailure(endpoint) }
        let others = min(ring.count, Silence.countedEndpoints) - 1
        return silence >= Silence.limit + others * Silence.perEndpoint || (!isUp && weight > Silence.lostHedge)
    }

    /// A node could not be reached, or says that it does not serve; true when the region is to be marked down. A node that
    /// failed long ago may be well again: it is no reason to leave the region.
    mutating func onNodeLost(_ endpoint: Int, at now: BootInstant, policy: FailoverPolicy) -> Bool {
        if let lost = nodeLostAt, now.since(lost) > policy.longestRest { ring.forgive() }
        nodeLostAt = now
        ring.onFailure(endpoint)
        return ring.isExhausted || !isUp
    }

    mutating func markDown(
        wish: Duration?, writesOnly: Bool, at now: BootInstant, policy: FailoverPolicy, random: UInt64
    ) {
        switch standing {
        case .returning: flaps = min(flaps + 1, Self.maxFlaps)
        case .up:
            let isForgiven = upSince.map { now.since($0) > policy.longestRest * Self.forgivenRests } ?? true
            flaps = isForgiven ? 0 : min(flaps + 1, Self.maxFlaps)
        case .down: break
        }
        var rest = policy.firstRest
        for _ in 0..<min(failedTrials + flaps, 64) where rest < policy.longestRest { rest = rest * 2 }
        rest = min(rest, policy.longestRest)
        let pause = max(rest / 2 + rest / 2 * Self.share(random), wish ?? .zero)
        standing = .down(until: now.advanced(by: pause))
        failedTrials += 1
        needsWrite = writesOnly
        fellAt = now
        silence = 0
        ring.forgive()
    }

    private mutating func rise(at now: BootInstant) {
        standing = .up
        upSince = now
        needsWrite = false
    }

    /// All to five quarters of the hold, so that clients do not return together.
    private func hold(_ policy: FailoverPolicy, _ random: UInt64) -> Duration {
        let hold = policy.returnHold * (1 << flaps)
        return hold + hold / 4 * Self.share(random)
    }

    private static func share(_ random: UInt64) -> Double { Double(random >> 11) / Double(UInt64(1) << 53) }
}
