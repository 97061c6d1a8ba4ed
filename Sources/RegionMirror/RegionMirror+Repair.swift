// Asks other holders for the original bytes of what a disk has lost (S7): any that serves the log will do, since the chain
// shows whether the answer is right.

import ClusterModel
package import EventLog
import GRPCFraming
import NIOCore
import NodeEnvironment

extension RegionMirror {
    private static var repairTimeout: Duration { .seconds(10) }
    /// Replies that one stretch may take: each brings at least a batch.
    private static var maxReplies: Int { 1_024 }

    /// The batches that meet the need, from the first holder that has them; nil where none has.
    package func fetch(_ need: RepairNeed) async -> [EncodedBatch]? {
        for peer in core.settings.peers {
            for endpoint in peer.endpoints {
                // An endpoint that cannot be asked holds nothing now.
                guard let channel = try? core.environment.links.channel(to: endpoint, security: core.settings.security)
                else { continue }
                let batches = await fetch(need, over: channel)
                await channel.close()
                if need.isMet(by: batches) { return batches }
            }
        }
        return nil
    }

    /// As far as this holder goes on the chain.
    private func fetch(_ need: RepairNeed, over channel: any CallChannel) async -> [EncodedBatch] {
        var batches: [EncodedBatch] = []
        var point = LogPoint(log: need.log, offset: need.from, digest: need.before)
        for _ in 0..<Self.maxReplies where point.offset < need.to {
            guard let found = await ask(point, over: channel) else { break }
            let before = point.offset
            for batch in found where batch.endOffset <= need.to {
                guard batch.extends(need.log, end: point.offset, digest: point.digest) else { return batches }
                batches.append(batch)
                point = LogPoint(log: need.log, offset: batch.endOffset, digest: batch.chainDigest)
            }
            guard point.offset > before else { break }
        }
        return batches
    }

    private func ask(_ point: LogPoint, over channel: any CallChannel) async -> [EncodedBatch]? {
        var request = PullRequest(
            follower: core.settings.region, applyVersion: core.settings.applyVersion, deployment: core.deployment,
            incarnation: Incarnation(0), generation: 0, maxBytes: UInt32(clamping: core.settings.limits.replyBytes),
            waitMilliseconds: 0)
        request.positions = [point]
        let deadline = core.environment.clock.bootTime().advanced(by: Self.repairTimeout)
        // Whatever goes wrong, this holder has not given it.
        let reply = try? await channel.unary(
            path: PullRequest.path, message: ByteBuffer(bytes: request.encoded), metadata: CallMetadata(),
            deadline: deadline)
        guard let reply,
            // As above.
            let decoded = try? PullReply(
                decoding: Array(reply.message.readableBytesView), limits: core.settings.limits)
        else { return nil }
        for answer in decoded.answers where answer.log == point.log {
            if case .batches(let batches) = answer.answer { return batches }
        }
        return nil
    }
}
