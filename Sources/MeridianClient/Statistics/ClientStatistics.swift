// What a client did so far, for dashboards and for tests.

import Synchronization

/// Counters since the client was made, and where its traffic goes now. Counters only grow.
public struct ClientStatistics: Hashable, Sendable {
    /// One region.
    public struct Region: Hashable, Sendable {
        /// How the client sees a region.
        public enum Standing: String, Hashable, Sendable {
            /// It answers, or was never asked.
            case up
            /// It failed and is left alone, or waits for a trial.
            case down
            /// It answers again; traffic comes back when it goes on so.
            case returning
        }

        /// The region's name.
        public let name: String
        /// How the client sees it.
        public let standing: Standing
        /// Requests that were sent to it.
        public let attempts: UInt64
        /// Those that it answered as asked.
        public let answers: UInt64
        /// Those that met no connection, or lost it.
        public let unreachable: UInt64
        /// Those that got no answer in time.
        public let silences: UInt64
        /// Those that it refused.
        public let refusals: UInt64
        /// How often traffic left it.
        public let falls: UInt64
        /// The reason or code of its latest failure.
        public let lastFailure: String?
        /// How long it usually takes to answer; nil before it has.
        public let usualTime: Duration?
    }

    /// Calls that have ended.
    public let calls: UInt64
    /// Those of them that the caller saw fail.
    public let failedCalls: UInt64
    /// Those that succeeded in another region than the one where they were first sent.
    public let redirectedCalls: UInt64
    /// How often traffic moved away from a region.
    public let failovers: UInt64
    /// How often traffic moved back towards home.
    public let returns: UInt64
    /// Calls that tried out a region that had been down.
    public let trials: UInt64
    /// Signs of life that were asked for.
    public let probes: UInt64
    /// Reads that a second region was asked for too.
    public let hedges: UInt64
    /// Those of them that the second region won.
    public let hedgesWon: UInt64
    /// Events that were known already when a repeated attempt brought them: each counted once (S5).
    public let duplicates: UInt64
    /// Calls that were refused for overload and not repeated, since the retry budget was empty.
    public let withheldRepeats: UInt64
    /// Calls that were turned away unsent, since their region refused most of what it was sent.
    public let throttledCalls: UInt64
    /// The region that calls go to.
    public let current: String
    /// In the client's order, home first.
    public let regions: [Region]
}

extension MeridianClient {
    /// What the client did so far. A consistent snapshot; cheap enough to take every second.
    public var statistics: ClientStatistics {
        let (counts, choice) = state.withLock { ($0.counts, $0.choice) }
        return ClientStatistics(
            calls: counts.calls, failedCalls: counts.failedCalls, redirectedCalls: counts.redirectedCalls,
            failovers: counts.failovers, returns: counts.returns, trials: counts.trials, probes: counts.probes,
            hedges: counts.hedges, hedgesWon: counts.hedgesWon, duplicates: counts.duplicates,
            withheldRepeats: counts.withheldRepeats, throttledCalls: counts.throttledCalls,
            current: regions[choice.current].name,
            regions: regions.indices.map { region in
                ClientStatistics.Region(
                    name: regions[region].name, counts.regions[region], choice.regions[region])
            })
    }
}

extension ClientStatistics.Region {
    init(name: String, _ counts: ClientCounts.Region, _ state: RegionState) {
        self.init(
            name: name,
            standing: state.isUp ? .up : state.isReturning ? .returning : .down,
            attempts: counts.attempts, answers: counts.answers, unreachable: counts.unreachable,
            silences: counts.silences, refusals: counts.refusals, falls: counts.falls,
            lastFailure: counts.lastFailure, usualTime: state.latency.smoothed)
    }
}
