// Who may call, and which process speaks for its region (S1): the service's shell of `RegionClaim`.

import ClusterModel
import EventLog
import GRPCFraming
import NIOCore
import NodeEnvironment
import Synchronization

extension MirrorService {
    func check(_ peer: PeerIdentity, _ region: RegionNumber, _ deployment: UInt64) throws(MirrorError) {
        guard deployment == core.deployment else {
            throw MirrorError(
                .otherDeployment,
                "deployment, partitions, D, F or R are not those of deployment \(core.settings.deploymentID) in region "
                    + "\(core.settings.regionName) (\(core.settings.region.rawValue))")
        }
        guard core.peers.admits(peer, as: region) else { throw notAPeer(peer, region) }
    }

    /// Whether the process may speak for its region now: told at once, or once the loop of a rival's waiting pull has said
    /// whether that one is still there.
    func judge(_ claimant: Claimant, _ body: @escaping @Sendable (Bool) -> Void) {
        let known = state.withLock { $0.followers[claimant.region] }
        guard let known, known.claim.incarnation != claimant.incarnation, let rival = known.waiting,
            !known.claim.isLeft(to: claimant.incarnation)
        else { return body(isAdmitted(claimant)) }
        rival.call.executor.execute { [self] in
            if rival.call.isLive { return body(false) }
            onGone(rival)
            body(isAdmitted(claimant))
        }
    }

    /// What became of a rival that is not live any more. One that was answered meanwhile is no dead one.
    private func onGone(_ rival: WaitingPull) {
        let now = core.environment.clock.bootTime()
        state.withLock { state in
            let region = rival.request.follower
            guard state.followers[region]?.waiting.map(rival.isSame) ?? false else { return }
            state.followers[region]?.claim.onClosed(at: now)
        }
    }

    private func isAdmitted(_ claimant: Claimant) -> Bool {
        let now = core.environment.clock.bootTime()
        return state.withLock { $0.followers[claimant.region]?.claim.admits(claimant.incarnation, at: now) ?? true }
    }

    static var claimed: MirrorError {
        MirrorError(.regionClaimed, "a process with another incarnation is connected, or was a moment ago")
    }

    /// Ends are facts, whoever tells them (S1a), but only an origin's current writer makes them, and each start greets before it
    /// writes: while a process stands for its region, ends by a later start of that region are a lie, and would cut what it
    /// writes. Throws `.unknownStart`: the link starts over and is told all again, should the claim have moved meanwhile.
    func checkTold(_ ends: [AgreedEnds], by teller: RegionNumber) throws(MirrorError) {
        let now = core.environment.clock.bootTime()
        let lie = state.withLock { state in
            ends.first { one in
                let origin = one.name.region
                guard origin != teller, let claim = state.followers[origin]?.claim, claim.isStanding(at: now) else {
                    return false
                }
                return one.writer > claim.incarnation
            }
        }
        guard let lie else { return }
        throw MirrorError(
            .unknownStart,
            "ends of \(lie.name) by start \(String(lie.writer.rawValue, radix: 16)), of which the region itself does not know"
        )
    }

    // MARK: Links that are watched

    func handle(_ call: StreamCall) { claims.start(call) { [self] call in try await watch(call) } }

    /// Runs until it is cancelled, once; links are watched from then on.
    func watchLinks() async { await claims.run() }

    /// Until the link closes, or its follower gives the stream up.
    private func watch(_ call: StreamCall) async throws {
        guard let message = try await call.next() else { return }
        let claim: LinkClaim
        do throws(MirrorError) {
            guard message.readableBytes <= LinkClaim.byteCount else {
                throw MirrorError(.malformedFrame, "\(message.readableBytes) bytes")
            }
            claim = try LinkClaim(decoding: Array(message.readableBytesView))
            try check(call.peer, claim.follower, claim.deployment)
        } catch {
            throw error.status
        }
        let isTaken = state.withLock { state in
            guard state.followers[claim.follower]?.claim.incarnation == claim.incarnation else { return false }
            state.followers[claim.follower]?.claim.onLink(claim.generation)
            return true
        }
        guard isTaken else { throw RPCStatus(.aborted, "the link has no pull here yet") }
        defer { onLinkClosed(claim) }
        while try await call.next() != nil {}
    }

    private func onLinkClosed(_ claim: LinkClaim) {
        let now = core.environment.clock.bootTime()
        state.withLock { state in
            guard state.followers[claim.follower]?.claim.incarnation == claim.incarnation else { return }
            state.followers[claim.follower]?.claim.onLinkClosed(claim.generation, at: now)
        }
    }
}
