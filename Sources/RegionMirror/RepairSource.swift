// Asks other holders for the original bytes of what a disk has lost (S7): any that serves the log will do, since the chain
// shows whether the answer is right.

import ClusterModel
package import EventLog
import GRPCFraming
import NIOCore
package import NodeEnvironment

/// For a running node, and for a stopped one's journal alike: what it asks opens no link and claims no region (S1). A holder
/// serves nothing beyond agreed ends (S1a).
package struct RepairSource: Sendable {
    private static let timeout: Duration = .seconds(10)
    /// Replies that one stretch may take: each brings at least a batch.
    private static let maxReplies = 1_024

    private let settings: MirrorSettings
    private let environment: NodeEnvironment

    package init(_ settings: MirrorSettings, environment: NodeEnvironment) {
        self.settings = settings
        self.environment = environment
    }

    /// The batches that meet the need, from the first of `endpoints` that has them; nil where none has. Without `endpoints`
    /// all peers are asked.
    package func fetch(_ need: RepairNeed, from endpoints: [Endpoint] = []) async -> [EncodedBatch]? {
        for (endpoint, security) in holders(endpoints) {
            // An endpoint that cannot be asked holds nothing now.
            guard let channel = try? environment.links.channel(to: endpoint, security: security) else { continue }
            let batches = await fetch(need, over: channel)
            await channel.close()
            if need.isMet(by: batches) { return batches }
        }
        return nil
    }

    /// Whom to ask, and who must answer there: behind a named endpoint any peer region's node.
    private func holders(_ named: [Endpoint]) -> [(Endpoint, LinkSecurity)] {
        guard named.isEmpty else { return named.map { ($0, settings.security(of: settings.peers)) } }
        return settings.peers.flatMap { peer in peer.endpoints.map { ($0, settings.security(of: [peer])) } }
    }

    /// As far as this holder goes on the chain.
    private func fetch(_ need: RepairNeed, over channel: any CallChannel) async -> [EncodedBatch] {
        var batches: [EncodedBatch] = []
        var point = LogPoint(log: need.log, offset: need.from, digest: need.before)
        for _ in 0..<Self.maxReplies where !need.isMet(by: batches) {
            guard let found = await ask(point, over: channel), let first = found.first,
                need.takes(first, behind: batches)
            else { break }
            for batch in found {
                guard need.takes(batch, behind: batches) else { return batches }
                batches.append(batch)
            }
            guard let last = batches.last else { break }
            point = LogPoint(log: need.log, offset: last.endOffset, digest: last.chainDigest)
        }
        return batches
    }

    private func ask(_ point: LogPoint, over channel: any CallChannel) async -> [EncodedBatch]? {
        var request = PullRequest(
            follower: settings.region, applyVersion: settings.applyVersion,
            deployment: settings.terms.fingerprint.rawValue, incarnation: Incarnation(0),
            generation: 0, maxBytes: UInt32(clamping: settings.limits.replyBytes), waitMilliseconds: 0)
        request.positions = [point]
        let deadline = environment.clock.bootTime().advanced(by: Self.timeout)
        // Whatever goes wrong, this holder has not given it.
        let reply = try? await channel.unary(
            path: PullRequest.path, message: ByteBuffer(bytes: request.encoded), metadata: CallMetadata(),
            deadline: deadline)
        guard let reply,
            // As above.
            let decoded = try? PullReply(decoding: Array(reply.message.readableBytesView), limits: settings.limits)
        else { return nil }
        for answer in decoded.answers where answer.log == point.log {
            if case .batches(let batches) = answer.answer { return batches }
        }
        return nil
    }
}

extension RegionMirror {
    /// The batches that meet the need, from the first peer that has them; nil where none has.
    package func fetch(_ need: RepairNeed) async -> [EncodedBatch]? {
        await RepairSource(core.settings, environment: core.environment).fetch(need)
    }
}
