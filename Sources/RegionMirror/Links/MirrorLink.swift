// One link: pulls a peer region's logs and tells it our cursors, over one connection at a time.

import ClusterModel
import EventLog
import GRPCFraming
import NIOCore
import NodeEnvironment
import Synchronization

/// Runs for a node's life. All state that outlives a connection is in `MirrorCore`.
struct MirrorLink: Sendable {
    let core: MirrorCore
    let peer: MirrorPeer
    /// Facts were heard: the service's waiting pulls may have something to say.
    let onHeard: @Sendable ([AgreedEnds]) -> Void
    /// Who else hears the peer, and knows which process speaks for it.
    let service: MirrorService

    private static let firstDelay: Duration = .milliseconds(20)
    private static let longestDelay: Duration = .seconds(1)
    /// How long a refusal of the own engine is waited for.
    private static let refusalDelay: Duration = .milliseconds(20)
    private static let reportTimeout: Duration = .seconds(5)
    /// Bytes that a reply may carry at any rate.
    private static let smallestReply: UInt64 = 16 << 10
    /// How often a large reply's way to the disk is looked at.
    private static let flushCheck: Duration = .milliseconds(2)

    /// Runs until it is cancelled: endpoint after endpoint, with growing pauses while none answers.
    func run(firstGeneration: UInt64) async {
        var generation = firstGeneration
        var delay = Self.firstDelay
        while true {
            for endpoint in peer.endpoints {
                // A log that takes no more appends takes no mirrored ones either: only a restart helps, and the node says so.
                while core.log.failure != nil {
                    do { try await core.environment.clock.sleep(for: Self.longestDelay) } catch { return }
                }
                generation &+= 1
                let hadAnswer = await connect(to: endpoint, generation)
                guard !Task.isCancelled else { return }
                if hadAnswer { delay = Self.firstDelay }
                let jitter = Int64(core.environment.entropy.next() % 1_000)
                do {
                    try await core.environment.clock.sleep(for: delay / 2 + delay * Int(jitter) / 2_000)
                } catch {
                    return
                }
                delay = min(delay * 2, Self.longestDelay)
            }
        }
    }

    /// One connection's life. Whether the peer answered at least once.
    private func connect(to endpoint: Endpoint, _ generation: UInt64) async -> Bool {
        let channel: any CallChannel
        do {
            channel = try core.environment.links.channel(to: endpoint, security: core.settings.security(of: [peer]))
        } catch {
            core.onLinkLost(peer.region, "\(error)")
            return false
        }
        let (wakes, wake) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
        let (answers, answer) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
        core.onLink(peer.region, generation, endpoint, wake)
        var reason = "closed"
        do {
            try await greet(over: channel)
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { try await pull(from: channel, generation) { answer.yield() } }
                group.addTask { try await claim(on: channel, generation, answers) }
                group.addTask { try await report(to: channel, wakes) }
                defer { group.cancelAll() }
                try await group.next()
            }
        } catch {
            // What this node ends itself is no loss, and nobody has to look.
            reason = Task.isCancelled || core.log.failure != nil ? MirrorCore.endedHere : "\(error)"
        }
        wake.finish()
        service.onReplyLinkLost(peer.region)
        let hadAnswer = core.onLinkLost(peer.region, reason)
        await channel.close()
        return hadAnswer
    }

    /// Terms, and this process's claim to its region, before anything else is said.
    private func greet(over channel: any CallChannel) async throws {
        let reply = try await core.greet(peer, over: channel, as: core.state.withLock(\.incarnation))
        switch reply.verdict {
        case .welcome: return
        case .termsDiffer: throw MirrorError(.termsDiffer, reply.reason)
        case .claimed: throw MirrorError(.regionClaimed, reply.reason)
        }
    }

    // MARK: Pulls

    private func pull(
        from channel: any CallChannel, _ generation: UInt64, _ onAnswer: @Sendable () -> Void
    ) async throws {
        let settings = core.settings
        var bucket = TokenBucket(bytesPerSecond: settings.maxBytesPerSecond)
        var rest = Self.firstDelay
        while true {
            try Task.checkCancellation()
            let asked = core.positions(for: peer.region)
            let (reply, bytes, roundTrip) = try await ask(channel, for: asked, generation)
            onAnswer()
            let taken = try core.onReply(reply, from: peer.region, to: asked)
            if !taken.heard.isEmpty { onHeard(taken.heard) }
            try await settle(taken)
            let pause = bucket.take(bytes, at: core.environment.clock.bootTime())
            if pause > .zero { try await core.environment.clock.sleep(for: pause) }
            // A holder keeps a pull that it has nothing for; one that does not must not make both spin.
            if reply.saysNothing, roundTrip < settings.heartbeat / 2 {
                try await core.environment.clock.sleep(for: rest)
                rest = min(rest * 2, settings.heartbeat)
            } else {
                rest = Self.firstDelay
            }
        }
    }

    /// One pull; its bytes, and how long it took.
    private func ask(
        _ channel: any CallChannel, for asked: [LogPoint], _ generation: UInt64
    ) async throws -> (reply: PullReply, bytes: Int, roundTrip: Duration) {
        let settings = core.settings
        let sent = core.environment.clock.bootTime()
        let request = request(asked, generation)
        let reply = try await channel.unary(
            path: PullRequest.path, message: ByteBuffer(bytes: request.encoded),
            metadata: CallMetadata(), deadline: sent.advanced(by: settings.heartbeat + settings.stallTimeout))
        let received = core.environment.clock.bootTime()
        let bytes = reply.message.readableBytes
        guard bytes <= settings.limits.frameBytes else { throw MirrorError(.malformedFrame, "\(bytes) bytes") }
        let decoded = try PullReply(decoding: Array(reply.message.readableBytesView), limits: settings.limits)
        guard decoded.holder == peer.region else {
            throw MirrorError(.notAPeer, "region \(decoded.holder.rawValue) answers for \(peer.region.rawValue)")
        }
        guard decoded.deployment == core.deployment else {
            throw MirrorError(.otherDeployment, "region \(peer.name) has other terms than when it was greeted")
        }
        guard service.admitsReply(of: peer.region, decoded.incarnation) else {
            throw MirrorError(.regionClaimed, "another process speaks for region \(peer.name)")
        }
        try service.checkTold(decoded.agreedEnds, by: peer.region)
        core.onTold(request.bases, peer.region)
        let roundTrip = received.since(sent)
        core.onHeartbeat(decoded, from: peer.region, roundTrip: roundTrip, at: received)
        return (decoded, bytes, roundTrip)
    }

    /// Waits where the own disk is behind: mirrors must not fill the backlog that own appends need.
    private func settle(_ taken: MirrorCore.Taken) async throws {
        if taken.isRefused { return try await core.environment.clock.sleep(for: Self.refusalDelay) }
        guard taken.bytes >= MirrorLimits.bytesBeforeFlush else { return }
        while taken.ends.contains(where: { core.log.flushedEnd(of: $0.key) < $0.value }) {
            if let failure = core.log.failure { throw MirrorError(.logEnded, "\(failure)") }
            try await core.environment.clock.sleep(for: Self.flushCheck)
        }
    }

    private func request(_ asked: [LogPoint], _ generation: UInt64) -> PullRequest {
        let settings = core.settings
        // A slow link carries several replies a second, not one burst in many.
        let rated = max(Self.smallestReply, settings.maxBytesPerSecond / 8)
        var request = PullRequest(
            follower: settings.region, applyVersion: settings.applyVersion, deployment: core.deployment,
            incarnation: core.state.withLock(\.incarnation), generation: generation,
            maxBytes: UInt32(clamping: min(settings.limits.replyBytes, Int(clamping: rated))),
            waitMilliseconds: UInt32(clamping: settings.heartbeat.wholeMilliseconds))
        request.positions = asked
        (request.bases, request.basesAreAll) = core.untoldBases(for: peer.region)
        return request
    }

    // MARK: The claim

    /// Lets the holder watch this link, once it has taken a pull (S1): the end of the stream tells it that the link closed.
    /// Without the stream it waits until the heartbeat is old. Holders that refuse it are asked again later.
    private func claim(
        on channel: any CallChannel, _ generation: UInt64, _ answers: AsyncStream<Void>
    ) async throws {
        let message = LinkClaim(
            follower: core.settings.region, deployment: core.deployment,
            incarnation: core.state.withLock(\.incarnation), generation: generation)
        for await _ in answers {
            do throws(RPCStatus) {
                let stream = try channel.stream(path: LinkClaim.path, deadline: nil)
                try await stream.send(ByteBuffer(bytes: message.encoded))
                while try await stream.next() != nil {}
            } catch {
                // The link is lost: to be dialled again at once, also while the pull is at work elsewhere.
                if error.code == .unavailable { throw error }
            }
            try await core.environment.clock.sleep(for: core.settings.heartbeat)
        }
        // As in `report`.
        try Task.checkCancellation()
    }

    // MARK: Cursors

    private func report(to channel: any CallChannel, _ wakes: AsyncStream<Void>) async throws {
        for await _ in wakes {
            while true {
                let cursors = core.takeUntold(for: peer.region)
                guard !cursors.isEmpty else { break }
                let report = CursorReport(
                    teller: core.settings.region, deployment: core.deployment,
                    incarnation: core.state.withLock(\.incarnation), cursors: cursors)
                let deadline = core.environment.clock.bootTime().advanced(by: Self.reportTimeout)
                _ = try await channel.unary(
                    path: CursorReport.path, message: ByteBuffer(bytes: report.encoded), metadata: CallMetadata(),
                    deadline: deadline)
            }
        }
        // The stream ends with the task's cancellation or with the link; another end is a lost link too.
        try Task.checkCancellation()
    }
}
