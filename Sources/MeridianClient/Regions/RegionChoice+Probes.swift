// Which regions are asked for a sign of life, and when.

package import ClusterModel

extension RegionChoice {
    /// What is known of a region that lets a call wait.
    package enum SignOfLife: Hashable, Sendable {
        /// It was heard.
        case seen
        /// Somebody is asking.
        case askedFor
        /// Ask it.
        case ask(Route)
        /// It is down.
        case fallen
    }

    /// Regions that a watch asks now; each counts as asked. Those that were down, and the next one in line when it was
    /// not heard for long.
    package mutating func probes(at now: BootInstant) -> [Route] {
        regions.indices.filter { isProbeDue($0, at: now) }.map { region in beginProbe(region, at: now) }
    }

    /// When `probes` is to be asked again; nil while nothing waits for it.
    package func nextProbe(at now: BootInstant) -> BootInstant? {
        regions.indices.compactMap { region in
            if regions[region].needsWrite { return nil }
            return regions[region].nextTrial ?? (region == standby ? standbyCheck(region, at: now) : nil)
        }.min()
    }

    /// For a call that has waited for `route`'s region since `since`.
    package mutating func signOfLife(of route: Route, since: BootInstant, at now: BootInstant) -> SignOfLife {
        let region = regions[route.region]
        if let fell = region.fellAt, fell >= route.startedAt, !region.isUp { return .fallen }
        if let heard = region.lastHeard, heard > since { return .seen }
        if region.isAsked(at: now) { return .askedFor }
        return .ask(beginProbe(route.region, at: now))
    }

    /// The region that traffic would turn to.
    private var standby: Int? { regions.indices.first { $0 != current && regions[$0].isUp } }

    private func isProbeDue(_ region: Int, at now: BootInstant) -> Bool {
        if regions[region].isAsked(at: now) { return false }
        if !regions[region].isUp { return regions[region].isTrialDue(at: now) && !regions[region].needsWrite }
        return region == standby && standbyCheck(region, at: now) <= now
    }

    private func standbyCheck(_ region: Int, at now: BootInstant) -> BootInstant {
        regions[region].lastAsked?.advanced(by: policy.standbyInterval) ?? now
    }

    private mutating func beginProbe(_ region: Int, at now: BootInstant) -> Route {
        let patience = patience(of: region)
        markAsked(region, until: now.advanced(by: patience * 2), at: now)
        return Route(region: region, endpoint: regions[region].ring.current, startedAt: now, isTrial: true)
    }
}
