// Terms of other regions (S3): asked for by every link, compared here, told to people once.

import ClusterModel
import EventLog
import GRPCFraming
import Logging
import NIOCore
import NodeEnvironment
import Synchronization

extension MirrorCore {
    /// How long a greeting may take.
    static let greetingTimeout: Duration = .seconds(1)

    /// Greets the peer over a channel and compares terms. Throws RPCStatus where it does not answer or admits nobody of
    /// this region, MirrorError for an answer that is none.
    func greet(
        _ peer: MirrorPeer, over channel: any CallChannel, as incarnation: Incarnation, isParting: Bool = false
    ) async throws -> GreetingReply {
        let message = RegionGreeting(incarnation: incarnation, terms: terms, isParting: isParting)
        let answer = try await channel.unary(
            path: RegionGreeting.path, message: ByteBuffer(bytes: message.encoded), metadata: CallMetadata(),
            deadline: environment.clock.bootTime().advanced(by: Self.greetingTimeout))
        guard answer.message.readableBytes <= GreetingReply.maxBytes else {
            throw MirrorError(.malformedFrame, "\(answer.message.readableBytes) bytes of greeting")
        }
        var reply = try GreetingReply(decoding: Array(answer.message.readableBytesView))
        let findings = onTerms(reply.terms, of: peer.region)
        if reply.verdict != .termsDiffer, let refusing = findings.first(where: \.kind.refuses) {
            reply.verdict = .termsDiffer
            reply.reason = refusing.detail
        }
        return reply
    }

    /// What of a region's terms is not as here; empty for one that is no peer. Changes nothing.
    func findings(in theirs: RegionTerms, of region: RegionNumber) -> [TermsFinding] {
        guard let peer = settings.peers.first(where: { $0.region == region }) else { return [] }
        return terms.findings(
            against: theirs, expected: RegionTerms.Member(number: peer.region, name: peer.name))
    }

    /// What a region says of itself, in its greeting or in its answer to ours: compared, kept for operators, and logged
    /// when it changes.
    @discardableResult
    func onTerms(_ theirs: RegionTerms, of region: RegionNumber) -> [TermsFinding] {
        guard let peer = settings.peers.first(where: { $0.region == region }) else { return [] }
        let findings = findings(in: theirs, of: region)
        let before = state.withLock { state -> [TermsFinding] in
            defer { state.links[region]?.status.findings = findings }
            return state.links[region]?.status.findings ?? []
        }
        onTokenKeys(Set(theirs.tokenKeys), of: region)
        for finding in findings where !before.contains(finding) {
            logger.log(
                level: finding.kind.refuses ? .error : .warning,
                finding.kind.refuses
                    ? "a link to another region is refused; see Runbooks/link-refused.md"
                    : "a region's terms are not this region's; see Runbooks/link-refused.md",
                metadata: ["region": "\(peer.name)", "what": "\(finding.kind.rawValue)", "detail": "\(finding.detail)"])
        }
        if !before.isEmpty, findings.isEmpty {
            logger.notice("a region's terms are this region's again", metadata: ["region": "\(peer.name)"])
        }
        return findings
    }

    private func onTokenKeys(_ keys: Set<TokenKeyFingerprint>, of region: RegionNumber) {
        let (isNews, onMemberKeys, known) = state.withLock { state in
            let isNews = state.links[region].map { $0.tokenKeys != keys } ?? false
            state.links[region]?.tokenKeys = keys
            return (isNews, state.onMemberKeys, state.memberKeys)
        }
        if isNews { onMemberKeys(known) }
    }

    /// `body` hears at once, and whenever it changes, which token keys every peer has told to have.
    func watchMemberKeys(_ body: @escaping @Sendable (Set<TokenKeyFingerprint>) -> Void) {
        let known = state.withLock { state in
            state.onMemberKeys = body
            return state.memberKeys
        }
        body(known)
    }

    /// Whether the region's last terms broke a rule.
    func refuses(_ region: RegionNumber) -> Bool {
        state.withLock { $0.links[region]?.status.findings.contains(where: \.kind.refuses) ?? false }
    }

    /// Why a link ends that this node ends.
    static let endedHere = "this node ended the link"

    /// A link that did not come to be, or ended: said once for each reason until the region is connected.
    func logLoss(_ region: RegionNumber, _ reason: String, wasConnected: Bool) {
        guard reason != Self.endedHere else { return }
        let isNews = state.withLock { state -> Bool in
            guard state.links[region] != nil else { return false }
            if wasConnected { state.links[region]?.saidReasons = [] }
            let said = state.links[region]?.saidReasons.count ?? 0
            guard said < MirrorLimits.reasonsSaid else { return false }
            return state.links[region]?.saidReasons.insert(reason).inserted ?? false
        }
        guard isNews else { return }
        logger.warning(
            wasConnected ? "mirror lost" : "mirror not connected",
            metadata: ["region": "\(region.rawValue)", "reason": "\(reason)"])
    }
}

extension MirrorCore.State {
    /// Of a peer that was not heard yet nothing is known.
    fileprivate var memberKeys: Set<TokenKeyFingerprint> {
        let told = links.values.map { $0.tokenKeys ?? [] }
        return told.dropFirst().reduce(told.first ?? []) { $0.intersection($1) }
    }
}
