// What a start asks its peers before its first stamp: whether it may speak for its region (S1), and what they remember (S2).

package import ClusterModel
import EventLog
import GRPCFraming
import Logging
import NIOCore
import NodeEnvironment
import Synchronization

/// What one peer said to a start.
package struct StartAnswer: Hashable, Sendable {
    package enum Outcome: Hashable, Sendable {
        case welcome
        /// No link comes to be; for people.
        case refused(String)
        /// Another process speaks for this region, and is believed for so long if it is heard no more.
        case claimed(String, fresh: Duration)
        /// None of its endpoints answers; for people.
        case silent(String)
    }

    package var region: RegionNumber
    package var name: String
    package var outcome: Outcome

    package init(region: RegionNumber, name: String, outcome: Outcome) {
        self.region = region
        self.name = name
        self.outcome = outcome
    }

    /// Whether the peer is there and does not want to be spoken to, and why.
    package var refusal: String? {
        switch outcome {
        case .welcome, .silent: nil
        case .refused(let reason), .claimed(let reason, fresh: _): "region \(name) refuses: \(reason)"
        }
    }
}

extension RegionMirror {
    /// What peers said of this region's own logs before a node without a disk begins (S1, S2).
    package struct Memory: Hashable, Sendable {
        package var reachedPeers = 0
        package var newestIncarnation: Incarnation?
        package var latestStamp = HybridStamp.zero
        /// Ascending by region.
        package var answers: [StartAnswer] = []
    }

    private static let probeTimeout: Duration = .seconds(1)

    /// Asks every peer for the region's claim; 0 claims nothing and compares terms only. Ascending by region.
    package func claim(_ incarnation: Incarnation) async -> [StartAnswer] {
        await askAll(as: incarnation) { _, _ in () }.map { $0.answer }
    }

    /// The keys of tokens were replaced: every peer is greeted anew, and both sides compare (S3). Ascending by region.
    @discardableResult
    package func replaceTokenKeys(_ keys: [TokenKeyFingerprint]) async -> [StartAnswer] {
        core.state.withLock { $0.tokenKeys = keys }
        // As the process that has the claim: what others say of terms changes nothing.
        return await claim(core.state.withLock(\.incarnation))
    }

    /// `body` hears at once, and whenever it changes, which token keys every peer has told to have: a key signs when all do (S3).
    package func watchMemberKeys(_ body: @escaping @Sendable (Set<TokenKeyFingerprint>) -> Void) {
        core.watchMemberKeys(body)
    }

    /// Asks every peer once what it holds of this region's logs, and as `claim` does whether this process may speak for the
    /// region. What peers hold is told by those that welcome it.
    package func remember(as incarnation: Incarnation = Incarnation(0)) async -> Memory {
        var memory = Memory()
        for (answer, reply) in await askAll(as: incarnation, heads(of:over:)) {
            memory.answers.append(answer)
            guard let reply else { continue }
            memory.reachedPeers += 1
            let ceiling = core.ceiling
            let heard = reply.agreedEnds.filter { ceiling.admits($0.writer) }
            for ends in heard {
                _ = core.onAgreed(ends)
                // Whoever wrote them spoke for this region: this start goes above it.
                guard ends.name.region == core.settings.region else { continue }
                memory.newestIncarnation = max(memory.newestIncarnation ?? ends.writer, ends.writer)
            }
            core.floors.onKnown(heard)
            for head in reply.heads where head.log.name.region == core.settings.region {
                guard ceiling.admits(head.log.incarnation), ceiling.admits(head.lastStamp) else {
                    core.logger.error(
                        "what a region remembers of this one is ahead of every clock that is believed: left out",
                        metadata: ["log": "\(head.log)", "from": "\(reply.holder.rawValue)"])
                    continue
                }
                memory.newestIncarnation = max(memory.newestIncarnation ?? head.log.incarnation, head.log.incarnation)
                memory.latestStamp = max(memory.latestStamp, head.lastStamp)
            }
        }
        return memory
    }

    private typealias Question<Value> = @Sendable (MirrorPeer, any CallChannel) async throws -> Value

    /// All at once; ascending by region.
    private func askAll<Value: Sendable>(
        as incarnation: Incarnation, _ more: @escaping Question<Value>
    ) async -> [(answer: StartAnswer, value: Value?)] {
        await withTaskGroup(of: (answer: StartAnswer, value: Value?).self) { group in
            for peer in core.settings.peers {
                group.addTask { [self] in await ask(peer, as: incarnation, more) }
            }
            var answers: [(answer: StartAnswer, value: Value?)] = []
            for await answer in group { answers.append(answer) }
            return answers.sorted { $0.answer.region < $1.answer.region }
        }
    }

    /// The first answer of any endpoint. `more` is asked where the peer welcomes this region.
    private func ask<Value: Sendable>(
        _ peer: MirrorPeer, as incarnation: Incarnation, _ more: Question<Value>
    ) async -> (answer: StartAnswer, value: Value?) {
        var outcome = StartAnswer.Outcome.silent("no endpoint is configured")
        var value: Value?
        for endpoint in peer.endpoints {
            do {
                let channel = try core.environment.links.channel(
                    to: endpoint, security: core.settings.security(of: [peer]))
                do {
                    outcome = try await greet(peer, over: channel, as: incarnation)
                    if outcome == .welcome { value = try await more(peer, channel) }
                } catch {
                    outcome = Self.outcome(of: error)
                }
                await channel.close()
            } catch {
                outcome = .silent("\(endpoint): \(error)")
            }
            if case .silent = outcome { continue }
            break
        }
        return (StartAnswer(region: peer.region, name: peer.name, outcome: outcome), value)
    }

    private func greet(
        _ peer: MirrorPeer, over channel: any CallChannel, as incarnation: Incarnation
    ) async throws -> StartAnswer.Outcome {
        let reply = try await core.greet(peer, over: channel, as: incarnation)
        switch reply.verdict {
        case .welcome: return .welcome
        case .termsDiffer: return .refused(reply.reason)
        case .claimed:
            // No claim is fresh for longer than a pull may wait and its link may stand still.
            let longest = core.settings.stallTimeout * 2 + .seconds(1)
            return .claimed(reply.reason, fresh: min(longest, .milliseconds(Int64(reply.freshMilliseconds))))
        }
    }

    /// An answer that is none of silence: the peer is there and turned this region away.
    private static func outcome(of error: any Error) -> StartAnswer.Outcome {
        guard let status = error as? RPCStatus else { return .refused("\(error)") }
        switch status.code {
        case .unavailable, .deadlineExceeded, .cancelled: return .silent("\(status)")
        default: return .refused("\(status)")
        }
    }

    @Sendable private func heads(of peer: MirrorPeer, over channel: any CallChannel) async throws -> PullReply {
        let request = PullRequest(
            follower: core.settings.region, applyVersion: core.settings.applyVersion, deployment: core.deployment,
            incarnation: Incarnation(0), generation: 0, maxBytes: 0, waitMilliseconds: 0)
        let deadline = core.environment.clock.bootTime().advanced(by: Self.probeTimeout)
        let reply = try await channel.unary(
            path: PullRequest.path, message: ByteBuffer(bytes: request.encoded), metadata: CallMetadata(),
            deadline: deadline)
        let decoded = try PullReply(
            decoding: Array(reply.message.readableBytesView), limits: core.settings.limits)
        guard decoded.holder == peer.region else {
            throw MirrorError(.notAPeer, "region \(decoded.holder.rawValue) answers for \(peer.region.rawValue)")
        }
        return decoded
    }
}
