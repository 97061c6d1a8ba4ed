// Which region a call goes to: a pure state machine (S5: wherever a call goes, its event ids go along).

package import ClusterModel
import NodeEnvironment

/// Where one attempt goes.
package struct Route: Hashable, Sendable {
    /// By place in the client's list; 0 is home.
    package let region: Int
    /// By place in the region's list.
    package let endpoint: Int
    package let startedAt: BootInstant
    /// This call finds out how a region is that was down.
    package let isTrial: Bool
}

/// Sends traffic to the first region of the list that is up. A region that fails is marked down, rests for a growing,
/// jittered while, and is then tried by one call at a time; it gets its traffic back only after it has gone on answering
/// for a hold, so that a flapping region does not drag callers to and fro. While any region is up, none that rests is
/// asked. A value without clock; its randomness is its own, from a seed.
package struct RegionChoice: Sendable {
    /// What a call knows when it asks where to go.
    package struct Ask: Hashable, Sendable {
        /// Regions that failed this call since it last waited.
        package var tried = RegionSet()
        package var isWrite = false
        /// Whether this call may be the one that tries a region again: calls that are short and have not failed yet.
        package var mayTry = false

        package init(tried: RegionSet = RegionSet(), isWrite: Bool = false, mayTry: Bool = false) {
            self.tried = tried
            self.isWrite = isWrite
            self.mayTry = mayTry
        }
    }

    /// Traffic that moved.
    package struct Move: Hashable, Sendable {
        package let from: Int
        package let to: Int
    }

    package let policy: FailoverPolicy
    package private(set) var regions: [RegionState]
    /// A watch asks resting regions by cheap calls: traffic need not.
    package var isWatched = false
    /// Where traffic goes as far as the last event tells.
    package private(set) var current = 0
    private var generator: SeededGenerator

    /// `endpoints`: how many each region has; 1...`RegionSet.capacity` regions.
    package init(endpoints: [Int], policy: FailoverPolicy, seed: UInt64) {
        regions = endpoints.prefix(RegionSet.capacity).map { RegionState(endpoints: $0) }
        if regions.isEmpty { regions = [RegionState(endpoints: 1)] }
        self.policy = policy
        generator = SeededGenerator(seed: seed)
    }

    // MARK: Questions

    /// Nil when every region that may be asked has failed this call: it waits and begins again.
    package mutating func route(_ ask: Ask, at now: BootInstant) -> Route? {
        if ask.mayTry, ask.tried.isEmpty, let region = dueTrial(ask, at: now) {
            regions[region].beginTrial(until: now.advanced(by: patience(of: region) * 2), at: now)
            return Route(region: region, endpoint: regions[region].ring.current, startedAt: now, isTrial: true)
        }
        return standingRoute(ask.tried, at: now)
    }

    /// Into one region only, whatever its standing.
    package func route(pinnedTo region: Int, at now: BootInstant) -> Route {
        Route(region: region, endpoint: regions[region].ring.current, startedAt: now, isTrial: false)
    }

    /// Whether a call to `region` could go elsewhere with some hope.
    package func hasAnother(than region: Int, at now: BootInstant) -> Bool {
        regions.indices.contains { $0 != region && !regions[$0].isResting(at: now) }
    }

    /// The next region for a second copy of a read: one that is up, other than `region`.
    package func hedge(besides region: Int, at now: BootInstant) -> Route? {
        regions.indices.first { $0 != region && regions[$0].isUp }.map { route(pinnedTo: $0, at: now) }
    }

    /// How long `region` may take before it counts as silent.
    package func patience(of region: Int) -> Duration { regions[region].latency.patience(policy.attemptBounds) }

    private func standingRoute(_ tried: RegionSet, at now: BootInstant) -> Route? {
        func first(where condition: (RegionState) -> Bool) -> Int? {
            regions.indices.first { !tried.contains($0) && condition(regions[$0]) }
        }
        if let region = first(where: \.isUp) ?? first(where: \.isReturning) { return route(pinnedTo: region, at: now) }
        // None that answers is left. A region whose rest is over may be asked; one that rests only when all do.
        let allRest = regions.allSatisfy { $0.isResting(at: now) }
        let soonest = regions.indices.filter { region in
            !tried.contains(region) && (allRest || !regions[region].isResting(at: now))
        }.min { (regions[$0].restEnd ?? now, $0) < (regions[$1].restEnd ?? now, $1) }
        return soonest.map { route(pinnedTo: $0, at: now) }
    }

    /// A region that traffic would rather go to, and that may be tried.
    private func dueTrial(_ ask: Ask, at now: BootInstant) -> Int? {
        guard let settled = regions.firstIndex(where: \.isUp) else { return nil }
        return regions[..<settled].indices.first { region in
            let state = regions[region]
            guard state.isTrialDue(at: now), ask.isWrite || !state.needsWrite else { return false }
            return state.isReturning || state.needsWrite || !isWatched
        }
    }

    // MARK: Events

    /// `trip`: nil for a sign of life that is no call of the service.
    @discardableResult
    package mutating func onAnswer(_ route: Route, trip: Duration?, isWrite: Bool, at now: BootInstant) -> Move? {
        if route.isTrial { regions[route.region].endTrial() }
        let isAlone = !regions.indices.contains { $0 != route.region && regions[$0].isUp }
        regions[route.region].onAnswer(
            route.endpoint, trip: trip, isWrite: isWrite, isAlone: isAlone, at: now, policy: policy,
            random: generator.next())
        return settle()
    }

    /// `waited`: how long a silent attempt was given.
    @discardableResult
    package mutating func onFailure(
        _ route: Route, _ verdict: RegionVerdict, waited: Duration, at now: BootInstant
    ) -> Move? {
        let region = route.region
        if route.isTrial { regions[region].endTrial() }
        if verdict.wasHeard { regions[region].onHeard(at: now) }
        // Of many calls that a fall took down, all but the first tell what is known.
        if let fell = regions[region].fellAt, route.startedAt < fell, !regions[region].isUp { return nil }
        switch verdict {
        case .unreachable: onNodeLost(route, wish: nil, writesOnly: false, at: now)
        case .silent:
            let weight =
                waited >= patience(of: region) ? RegionState.Silence.full : RegionState.Silence.cutShort
            if regions[region].onSilence(weight, endpoint: route.endpoint) { markDown(region, at: now) }
        case .closed(let wish, let writesOnly): onNodeLost(route, wish: wish, writesOnly: writesOnly, at: now)
        case .elsewhere, .busy, .final: break
        }
        return settle()
    }

    /// The attempt was given up for another region's answer, or its caller went away.
    @discardableResult
    package mutating func onAbandoned(_ route: Route, forAnother: Bool, at now: BootInstant) -> Move? {
        if route.isTrial { regions[route.region].endTrial() }
        guard forAnother, regions[route.region].isUp else { return nil }
        if regions[route.region].onSilence(RegionState.Silence.lostHedge, endpoint: route.endpoint) {
            markDown(route.region, at: now)
        }
        return settle()
    }

    /// No sign of life at all: the region is down at once.
    @discardableResult
    package mutating func onLifeless(_ route: Route, at now: BootInstant) -> Move? {
        if let fell = regions[route.region].fellAt, route.startedAt < fell, !regions[route.region].isUp { return nil }
        markDown(route.region, at: now)
        return settle()
    }

    mutating func markAsked(_ region: Int, until end: BootInstant, at now: BootInstant) {
        regions[region].beginTrial(until: end, at: now)
    }

    private mutating func onNodeLost(_ route: Route, wish: Duration?, writesOnly: Bool, at now: BootInstant) {
        guard regions[route.region].onNodeLost(route.endpoint, at: now, policy: policy) else { return }
        markDown(route.region, wish: wish, writesOnly: writesOnly, at: now)
    }

    private mutating func markDown(
        _ region: Int, wish: Duration? = nil, writesOnly: Bool = false, at now: BootInstant
    ) {
        regions[region].markDown(
            wish: wish, writesOnly: writesOnly, at: now, policy: policy, random: generator.next())
    }

    /// With no region up, traffic stays where it was: it has nowhere to go.
    private mutating func settle() -> Move? {
        guard let next = regions.firstIndex(where: \.isUp), next != current else { return nil }
        defer { current = next }
        return Move(from: current, to: next)
    }
}
