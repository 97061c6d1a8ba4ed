// What a client counts, in the form in which it counts.

/// Counters of one client. A value under the client's lock; a few words of memory a region.
struct ClientCounts: Sendable {
    struct Region: Sendable {
        var attempts: UInt64 = 0
        var answers: UInt64 = 0
        var unreachable: UInt64 = 0
        var silences: UInt64 = 0
        var refusals: UInt64 = 0
        var falls: UInt64 = 0
        var lastFailure: String?
    }

    var calls: UInt64 = 0
    var failedCalls: UInt64 = 0
    var redirectedCalls: UInt64 = 0
    var failovers: UInt64 = 0
    var returns: UInt64 = 0
    var trials: UInt64 = 0
    var probes: UInt64 = 0
    var hedges: UInt64 = 0
    var hedgesWon: UInt64 = 0
    var duplicates: UInt64 = 0
    var withheldRepeats: UInt64 = 0
    var throttledCalls: UInt64 = 0
    var regions: [Region]

    init(regions: Int) { self.regions = Array(repeating: Region(), count: regions) }

    mutating func onSent(_ route: Route) {
        regions[route.region].attempts += 1
        if route.isTrial { trials += 1 }
    }

    mutating func onAnswer(_ route: Route) { regions[route.region].answers += 1 }

    mutating func onFailure(_ route: Route, _ verdict: RegionVerdict, _ error: MeridianClientError) {
        switch verdict {
        case .unreachable: regions[route.region].unreachable += 1
        case .silent: regions[route.region].silences += 1
        case .closed, .elsewhere, .busy, .final: regions[route.region].refusals += 1
        }
        regions[route.region].lastFailure = error.reason.isEmpty ? "\(error.code)" : error.reason
    }

    /// Away from a region that fell, or back to one that is preferred.
    mutating func onMove(_ move: RegionChoice.Move?) {
        guard let move else { return }
        if move.to < move.from {
            returns += 1
        } else {
            failovers += 1
            regions[move.from].falls += 1
        }
    }
}
