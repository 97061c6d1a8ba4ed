// Looks at what stands still, once a second, whatever the links do.

import ClusterModel
import EventLog
import Logging
import NodeEnvironment
import Synchronization

extension MirrorCore {
    private static let lagInterval: Duration = .seconds(1)

    /// Until it is cancelled.
    func watchLag() async {
        while true {
            // It ends by cancellation only.
            do { try await environment.clock.sleep(for: Self.lagInterval) } catch { return }
            for peer in settings.peers { lookAtLag(of: peer.region) }
        }
    }

    private func lookAtLag(of region: RegionNumber) {
        let (heads, facts) = state.withLock { state -> ([LogSummary]?, LineageFacts) in
            let isConnected = state.links[region]?.status.isConnected == true
            return (isConnected ? state.follower?.ownHeads(of: region) : nil, state.lineage)
        }
        let now = environment.clock.bootTime()
        let readings = heads?.map { head in
            let end = facts.servedEnd(of: head.log).map { min($0, head.flushedEnd) } ?? head.flushedEnd
            return LagWatch.Reading(
                log: head.log, end: end, held: log.flushedEnd(of: head.log), stamp: head.lastStamp)
        }
        let before = state.withLock { state -> MirrorFacts? in
            if let readings {
                state.lag.onLook(at: region, readings, now: now)
            } else {
                state.lag.onLost(region)
            }
            return state.links[region]?.status
        }
        guard let before, let after = links().first(where: { $0.region == region }) else { return }
        state.withLock { state in
            state.links[region]?.status.isBehind = after.isBehind
            state.links[region]?.status.isSilent = after.isSilent
            state.links[region]?.status.standing = after.standing
        }
        tell(after, since: before)
    }

    private func tell(_ after: MirrorFacts, since before: MirrorFacts) {
        let region: Logger.Metadata = ["region": "\(after.name)"]
        if after.isBehind, !before.isBehind {
            logger.warning(
                "a region's records are missing here for longer than mirror.lag_alarm_ms; see Runbooks/mirror-behind.md",
                metadata: region.merging(["milliseconds": "\(after.lagMilliseconds)"]) { first, _ in first })
        }
        if after.isSilent, !before.isSilent {
            logger.warning(
                "a region is connected and writes nothing; see Runbooks/mirror-behind.md", metadata: region)
        }
        if let first = after.standing.first, before.standing.isEmpty {
            logger.error(
                "logs stand still although their origin goes on; see Runbooks/mirror-behind.md",
                metadata: region.merging(["log": "\(first.log)", "reason": "\(first.reason)"]) { first, _ in first })
        }
        if before.isBehind || before.isSilent || !before.standing.isEmpty,
            !after.isBehind, !after.isSilent, after.standing.isEmpty
        {
            logger.notice("a region's records arrive again", metadata: region)
        }
    }
}

extension MirrorCore.State {
    /// What the watch makes of a region, into its facts.
    func addLag(to facts: inout MirrorFacts, _ settings: MirrorSettings, at now: BootInstant) {
        facts.isBehind = facts.isConnected && facts.lagMilliseconds >= UInt64(settings.lagAlarm.wholeMilliseconds)
        facts.silentFor = lag.silence(of: facts.region, at: now)
        facts.isSilent = facts.silentFor.map { $0 >= settings.timeBounds.silence } ?? false
        facts.standing = lag.standing(of: facts.region, for: settings.lagAlarm, at: now).map { one in
            let why: String
            switch lineage.limit(of: one.log) {
            case .sealed: why = "sealed here for an agreement on its end"
            case .ends, .open: why = "nothing came for \(one.since.wholeMilliseconds) ms"
            }
            return StoppedLog(
                log: one.log, reason: "at \(one.held.rawValue) of \(one.end.rawValue): \(why)")
        }
    }
}
