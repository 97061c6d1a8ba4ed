// Runs the clock guard (S2): looks at the clocks, compares with peers, and opens or closes the gate on stamps.

package import ClusterModel
package import Logging
package import NodeEnvironment
package import Personalization
import Synchronization

/// One a node. Thread-safe; `verdict` never blocks.
package final class ClockWatch: Sendable {
    package static let interval: Duration = .milliseconds(100)
    private struct State {
        var clockGuard: ClockGuard
        var known: Set<RegionNumber> = []
        var verdict = ClockVerdict.trusted
        /// The highest stamp that the own lines begin above.
        var floor = WallTime(milliseconds: 0)
    }

    private let maxDrift: Duration
    private let maxFuture: Duration
    private let clock: any NodeClock
    private let gate: StampGate
    private let logger: Logger
    private let state: Mutex<State>
    /// What peers say of their clocks, by region.
    private let peers: @Sendable () -> [RegionNumber: PeerClock]
    private let onRefusing: @Sendable (Bool) -> Void

    /// `onRefusing` hears of every change: peers leave a member that refuses out of their median.
    package init(
        bounds: TimeBounds, clock: any NodeClock, gate: StampGate, logger: Logger,
        peers: @escaping @Sendable () -> [RegionNumber: PeerClock], onRefusing: @escaping @Sendable (Bool) -> Void
    ) {
        maxDrift = bounds.maxDrift
        maxFuture = bounds.maxFuture
        self.clock = clock
        self.gate = gate
        self.logger = logger
        self.peers = peers
        self.onRefusing = onRefusing
        state = Mutex(State(clockGuard: ClockGuard(bounds: bounds)))
    }

    /// Own records begin above this stamp, of an earlier start or another clock: while it is ahead of this one by more than F
    /// every event would be refused as too old, so that users are better sent elsewhere.
    package func stampAbove(_ floor: HybridStamp) {
        state.withLock { $0.floor = max($0.floor, floor.wallTime) }
    }

    package var verdict: ClockVerdict { state.withLock(\.verdict) }

    /// An operator says that the clock is right as it is.
    package func reopen() { state.withLock { $0.clockGuard.reopen() } }

    /// Runs until it is cancelled.
    package func run() async throws {
        while true {
            look()
            try await clock.sleep(for: Self.interval)
        }
    }

    /// One look; also before the first record of a start.
    package func look() {
        let peers = peers()
        let (wall, boot, isSynchronised) = (clock.wallTime(), clock.bootTime(), clock.isSynchronised())
        let (before, after, believed) = state.withLock { state in
            state.clockGuard.onReading(wall: wall, boot: boot, isSynchronised: isSynchronised)
            for region in peers.keys.sorted() {
                if let peer = peers[region] { state.clockGuard.onPeer(region, peer) }
            }
            for gone in state.known.subtracting(peers.keys) { state.clockGuard.onPeerGone(gone) }
            state.known = Set(peers.keys)
            let before = state.verdict
            state.verdict = state.clockGuard.verdict
            if state.floor > wall.advanced(by: maxFuture), state.verdict.rank < 2 {
                let seconds = state.floor.milliseconds(since: wall) / 1_000
                state.verdict = .refusing("the log holds records that are \(seconds) s ahead of this machine's clock")
            }
            return (before, state.verdict, state.clockGuard.believedTime(at: boot))
        }
        // What is believed, not what was read: a stamp is then within D of it, and not of a reading that was off by D.
        if after.rank < 2 { gate.vouch(wall: believed ?? wall, boot: boot, maxDrift: maxDrift) }
        guard before.rank != after.rank else { return }
        switch after {
        case .refusing:
            gate.close()
            onRefusing(true)
            logger.critical("writes are refused; see Runbooks/clock-refused.md", metadata: ["clock": "\(after)"])
        case .alarm, .trusted:
            gate.open()
            onRefusing(false)
            logger.warning("clock", metadata: ["clock": "\(after)"])
        }
    }
}

extension ClockVerdict {
    /// The same for verdicts that differ in their words only.
    fileprivate var rank: Int {
        switch self {
        case .trusted: 0
        case .alarm: 1
        case .refusing: 2
        }
    }
}
