// Greetings of other regions: terms first (S3), then the claim (S1).

import ClusterModel
import EventLog
import GRPCFraming
import Logging
import NIOCore
import NodeEnvironment
import Synchronization

extension MirrorService {
    /// Answers with this region's terms whatever the verdict: both sides know then what they differ in.
    func greet(_ call: UnaryCall, _ greeting: RegionGreeting) throws(MirrorError) {
        let region = greeting.terms.region.number
        guard core.peers.admits(call.peer, as: region) else { throw notAPeer(call.peer, region) }
        // What a process without the claim says of its terms is answered, and changes nothing here (S1).
        let findings =
            maySpeak(for: region, greeting.incarnation)
            ? core.onTerms(greeting.terms, of: region) : core.findings(in: greeting.terms, of: region)
        if let refusing = findings.first(where: \.kind.refuses) {
            return answer(call, .termsDiffer, refusing.detail)
        }
        guard greeting.incarnation != Incarnation(0) else { return answer(call, .welcome) }
        guard core.ceiling.admits(greeting.incarnation) else {
            throw MirrorError(
                .aheadOfClock, "a greeting by incarnation \(String(greeting.incarnation.rawValue, radix: 16))")
        }
        if greeting.isParting {
            onParting(region, greeting.incarnation)
            return answer(call, .welcome)
        }
        let claimant = Claimant(region: region, incarnation: greeting.incarnation)
        judge(claimant) { [self] isAdmitted in
            if isAdmitted, take(claimant) { return answer(call, .welcome) }
            onRefused(claimant)
            answer(call, .claimed, Self.claimed.message, fresh: freshness(of: region))
        }
    }

    private func answer(
        _ call: UnaryCall, _ verdict: GreetingReply.Verdict, _ reason: String = "", fresh: Duration = .zero
    ) {
        let reply = GreetingReply(
            verdict, reason: reason, freshMilliseconds: UInt32(clamping: fresh.wholeMilliseconds),
            incarnation: core.state.withLock(\.incarnation), terms: core.terms)
        call.succeed(ByteBuffer(bytes: reply.encoded))
    }

    /// It speaks for its region from now on, unless another one came meanwhile.
    private func take(_ claimant: Claimant) -> Bool {
        let now = core.environment.clock.bootTime()
        let (isTaken, older) = state.withLock { state -> (Bool, WaitingPull?) in
            guard let known = state.followers[claimant.region] else {
                state.followers[claimant.region] = Follower(
                    instance: HolderInstance(limits: core.settings.limits),
                    claim: RegionClaim(claimant.incarnation, stallTimeout: core.settings.stallTimeout, at: now))
                return (true, nil)
            }
            guard known.claim.admits(claimant.incarnation, at: now) else { return (false, nil) }
            if known.claim.incarnation == claimant.incarnation {
                state.followers[claimant.region]?.claim.onHeard(at: now)
                return (true, nil)
            }
            state.followers[claimant.region] = Follower(
                instance: HolderInstance(limits: core.settings.limits),
                claim: RegionClaim(claimant.incarnation, stallTimeout: core.settings.stallTimeout, at: now),
                wakesAt: known.wakesAt)
            return (true, known.waiting)
        }
        older?.call.fail(Self.claimed.status)
        return isTaken
    }

    /// A process that stops gives its claim back; of another one's claim it says nothing (S1).
    private func onParting(_ region: RegionNumber, _ incarnation: Incarnation) {
        state.withLock { state in
            guard state.followers[region]?.claim.incarnation == incarnation else { return }
            state.followers[region]?.claim.onParting()
        }
    }

    private func freshness(of region: RegionNumber) -> Duration {
        let now = core.environment.clock.bootTime()
        return state.withLock { $0.followers[region]?.claim.freshness(at: now) ?? .zero }
    }

    // MARK: What a process without the claim says

    /// Whether a reply of `region`, asked for over our own link, is of the process that speaks for it; it is heard of then. A
    /// process that has not begun says nothing new. Replies of another one are dropped while the claim is fresh (S1).
    func admitsReply(of region: RegionNumber, _ incarnation: Incarnation) -> Bool {
        guard incarnation != Incarnation(0) else { return true }
        let now = core.environment.clock.bootTime()
        let claimant = Claimant(region: region, incarnation: incarnation)
        let isAdmitted = state.withLock { state -> Bool in
            let fresh = Follower(
                instance: HolderInstance(limits: core.settings.limits),
                claim: RegionClaim(incarnation, stallTimeout: core.settings.stallTimeout, at: now))
            guard let known = state.followers[region] else {
                state.followers[region] = fresh
                state.followers[region]?.claim.onReply(at: now)
                return true
            }
            guard known.claim.admits(incarnation, at: now) else { return false }
            if known.claim.incarnation != incarnation {
                // A waiting pull is of somebody who is heard no more: its caller's loop finds that out by itself.
                guard known.waiting == nil else { return false }
                state.followers[region] = fresh
                state.followers[region]?.wakesAt = known.wakesAt
            }
            state.followers[region]?.claim.onReply(at: now)
            return true
        }
        if !isAdmitted { onRefused(claimant) }
        return isAdmitted
    }

    /// Our own link to the region is gone.
    func onReplyLinkLost(_ region: RegionNumber) {
        let now = core.environment.clock.bootTime()
        state.withLock { $0.followers[region]?.claim.onRepliesEnded(at: now) }
    }

    /// Whether no other process is known to speak for the region now.
    func maySpeak(for region: RegionNumber, _ incarnation: Incarnation) -> Bool {
        let now = core.environment.clock.bootTime()
        return state.withLock { state in
            guard let claim = state.followers[region]?.claim else { return true }
            return claim.incarnation == incarnation || claim.freshness(at: now) == .zero
        }
    }

    /// Whether what a process says of its region counts: the one with the claim, and no other (S1).
    func speaks(for region: RegionNumber, _ incarnation: Incarnation) -> Bool {
        state.withLock { $0.followers[region]?.claim.incarnation == incarnation }
    }

    // MARK: Refusals, said once

    func notAPeer(_ peer: PeerIdentity, _ region: RegionNumber) -> MirrorError {
        MirrorError(.notAPeer, "region \(region.rawValue) by \(peer.certificateURI ?? peer.address)")
    }

    /// A process was refused because another one speaks for its region.
    func onRefused(_ claimant: Claimant) {
        let now = core.environment.clock.bootTime()
        let staleAfter = core.settings.stallTimeout + core.settings.heartbeat
        let isStanding = state.withLock { state -> (before: Bool, after: Bool) in
            var watch = state.rivals[claimant.region] ?? RivalWatch(claimant.incarnation, at: now)
            if watch.incarnation != claimant.incarnation { watch = RivalWatch(claimant.incarnation, at: now) }
            let before = watch.isStanding(at: now, staleAfter: staleAfter)
            watch.onRefused(at: now)
            state.rivals[claimant.region] = watch
            return (before, watch.isStanding(at: now, staleAfter: staleAfter))
        }
        guard isStanding.after, !isStanding.before else { return }
        core.logger.error(
            "two processes claim one region; the second is refused, see Runbooks/region-claimed.md",
            metadata: [
                "region": "\(claimant.region.rawValue)",
                "refused": "\(String(claimant.incarnation.rawValue, radix: 16))",
            ])
    }

    /// The refused rival of each region, for people.
    func rivals() -> [RegionNumber: String] {
        let now = core.environment.clock.bootTime()
        let staleAfter = core.settings.stallTimeout + core.settings.heartbeat
        return state.withLock(\.rivals).filter { $0.value.isStanding(at: now, staleAfter: staleAfter) }
            .mapValues { "incarnation \(String($0.incarnation.rawValue, radix: 16)) is refused" }
    }

    /// A caller was turned away for another reason.
    func say(_ error: MirrorError, to peer: PeerIdentity) {
        guard [.notAPeer, .otherDeployment, .termsDiffer].contains(error.code) else { return }
        let now = core.environment.clock.bootTime()
        let who = peer.certificateURI ?? "a caller without a certificate"
        guard state.withLock({ $0.refusals.isNews(who, error.description, at: now) }) else { return }
        core.logger.warning(
            "a caller on the mesh is refused; see Runbooks/link-refused.md",
            metadata: ["caller": "\(who)", "reason": "\(error)"])
    }
}

/// A process that says that it is a region.
struct Claimant: Hashable, Sendable {
    let region: RegionNumber
    let incarnation: Incarnation
}
