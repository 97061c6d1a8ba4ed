// What links tell: that they are there or gone, what a peer's clock says, and where pulls go on.

import ClusterModel
import EventLog
import Logging
import NodeEnvironment
import Synchronization

extension MirrorCore {
    func positions(for region: RegionNumber) -> [LogPoint] {
        let ceiling = ceiling
        return state.withLock { state in
            let lineage = state.lineage
            state.follower?.ceiling = ceiling
            return state.follower?.positions(for: region, lineage) ?? []
        }
    }

    func onLink(
        _ region: RegionNumber, _ generation: UInt64, _ endpoint: Endpoint, _ wake: AsyncStream<Void>.Continuation
    ) {
        state.withLock { state in
            state.follower?.onLink(region, generation: generation)
            state.links[region]?.status.endpoint = endpoint.description
            state.links[region]?.wake = wake
            state.links[region]?.toldBases = nil
            state.links[region]?.verifiedHeads = [:]
        }
        tellAgain(region)
    }

    /// Whether the link had an answer.
    @discardableResult
    func onLinkLost(_ region: RegionNumber, _ reason: String) -> Bool {
        let wasConnected = state.withLock { state in
            state.follower?.onLinkLost(region)
            guard var link = state.links[region] else { return false }
            let wasConnected = link.status.isConnected
            link.status.isConnected = false
            link.status.lastFailure = reason
            if wasConnected { link.status.lostLinks += 1 }
            link.clock = nil
            link.wake = nil
            state.links[region] = link
            return wasConnected
        }
        if wasConnected { tellOthers(of: region) }
        logLoss(region, reason, wasConnected: wasConnected)
        return wasConnected
    }

    /// A reply came: the peer lives, and says what time it is.
    func onHeartbeat(_ reply: PullReply, from region: RegionNumber, roundTrip: Duration, at now: BootInstant) {
        let wall = environment.clock.wallTime()
        let network = max(.zero, roundTrip - .microseconds(Int64(reply.waitedMicroseconds)))
        // The reply was made half a network round trip ago.
        let made = wall.advanced(by: .zero - network / 2)
        let clock = PeerClock(
            offsetMilliseconds: reply.wallTime.signedMilliseconds(from: made), roundTrip: network,
            isRefusing: reply.isRefusingWrites)
        let isNew = state.withLock { state in
            guard var link = state.links[region] else { return false }
            let isNew = !link.status.isConnected
            if isNew { link.saidReasons = [] }
            link.status.isConnected = true
            link.status.isRefusingWrites = reply.isRefusingWrites
            link.lastHeard = now
            link.status.clockOffsetMilliseconds = clock.offsetMilliseconds
            link.status.roundTrip = min(link.status.roundTrip ?? network, network)
            link.status.applyVersion = reply.applyVersion
            link.clock = clock
            state.links[region] = link
            return isNew
        }
        if isNew { logger.notice("mirror connected", metadata: ["region": "\(region.rawValue)"]) }
    }

    /// Every peer, as its link stands.
    func links() -> [MirrorFacts] {
        let now = environment.clock.bootTime()
        return state.withLock { state in
            let stopped = (state.follower?.stopped ?? [:]).sorted { $0.key < $1.key }
            return state.links.keys.sorted().compactMap { region in
                guard let link = state.links[region] else { return nil }
                var status = link.status
                if let lag = state.follower?.lag(behind: region, state.lineage) {
                    status.lagEvents = lag.records
                    status.lagMilliseconds = lag.milliseconds
                }
                status.lagP50Milliseconds = link.meter.quantile(0.5, at: now)
                status.lagP99Milliseconds = link.meter.quantile(0.99, at: now)
                status.sinceHeard = link.lastHeard.map { now.since($0) }
                status.stopped = stopped.filter { $0.value.by == region }.map {
                    StoppedLog(log: $0.key, reason: $0.value.stop.description)
                }
                state.addLag(to: &status, settings, at: now)
                return status
            }
        }
    }

    /// Of peers whose link is up.
    func peerClocks() -> [RegionNumber: PeerClock] {
        state.withLock { state in state.links.compactMapValues { $0.status.isConnected ? $0.clock : nil } }
    }
}
