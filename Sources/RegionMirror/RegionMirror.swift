// All mirrors of one node: its service for followers, one link to each peer region, and its part in seals.

package import ClusterModel
package import EventLog
import GRPCFraming
package import Logging
import NIOCore
package import NodeEnvironment
import Synchronization

/// Made once a node has its log; serves from then on and follows from `run`. Thread-safe.
package final class RegionMirror: Sendable {
    /// What peers said of this region's own logs before a node without a disk begins (S1, S2).
    package struct Memory: Hashable, Sendable {
        package var reachedPeers = 0
        package var newestIncarnation: Incarnation?
        package var latestStamp = HybridStamp.zero
    }

    let core: MirrorCore
    private let mirrorService: MirrorService

    private static let sealTimeout: Duration = .seconds(5)
    private static let flushCheck: Duration = .milliseconds(5)
    private static let liftTimeout: Duration = .seconds(5)
    private static let reachCheck: Duration = .milliseconds(20)
    private static let probeTimeout: Duration = .seconds(1)

    /// Reads the seals, and without `floors` the lineage too: blocks on the disk. Throws `.sealsUnreadable`,
    /// `.lineageUnreadable`.
    package init(
        _ settings: MirrorSettings, log: any EventLogEngine, environment: NodeEnvironment,
        disk: any DedicatedExecutor, logger: Logger, floors: FloorKeeper? = nil
    ) throws(MirrorError) {
        let seals = try SealFile(directory: settings.directory, files: environment.files).load()
        let keeper: FloorKeeper
        if let floors { keeper = floors } else { keeper = try Self.keeper(settings, log, environment, disk, logger) }
        core = MirrorCore(
            settings, seals: seals, floors: keeper, log: log, environment: environment, disk: disk, logger: logger)
        mirrorService = MirrorService(core: core)
        let (core, mirrorService) = (core, mirrorService)
        keeper.listen(
            FloorKeeper.Listener { [weak core, weak mirrorService] moved in
                core?.onFloors(moved)
                mirrorService?.onFloors()
            })
        let isHeard = log.watch(on: core.loop) { moved in
            core.onCommit(moved)
            mirrorService.onCommit(moved)
        }
        // A node has one mirror; the engine has room for its watchers.
        precondition(isHeard, "the engine has no room for the mirror")
    }

    private static func keeper(
        _ settings: MirrorSettings, _ log: any EventLogEngine, _ environment: NodeEnvironment,
        _ disk: any DedicatedExecutor, _ logger: Logger
    ) throws(MirrorError) -> FloorKeeper {
        FloorKeeper(
            own: settings.region, members: [settings.region] + settings.peers.map(\.region), drops: settings.drops,
            book: try LineageFile(directory: settings.directory, files: environment.files).load(),
            directory: settings.directory, engine: log, environment: environment, disk: disk, logger: logger)
    }

    /// Serves followers; to be listened with on the mesh.
    package var service: any CallHandler { mirrorService }

    /// Who may call on the mesh.
    package var peers: MeshPeers { core.peers }

    /// Follows all peers until the task is cancelled. `incarnation` is what this node writes itself.
    package func run(incarnation: Incarnation, consumer: any MirroredLogConsumer) async {
        core.begin(incarnation, consumer)
        await withTaskGroup(of: Void.self) { group in
            group.addTask { [mirrorService] in await mirrorService.watchLinks() }
            for peer in core.settings.peers {
                let link = MirrorLink(core: core, peer: peer) { [self] ends in heard(ends) }
                // Above every generation of an earlier start: incarnations grow by far more than links are opened.
                group.addTask { await link.run(firstGeneration: incarnation.rawValue) }
            }
            await group.waitForAll()
        }
    }

    /// Tells its consumer nothing more, and lets go of it: the consumer holds what holds this. Once calls that wait for
    /// other regions have ended.
    package func end() {
        core.floors.end()
        core.end()
    }

    /// Agreed ends that this node's own states have applied or learned, and the base that they stand on: peers hear of them
    /// (S1a).
    package func onAgreed(_ ends: AgreedEnds, base: EndsPoint) {
        let isNews = core.onAgreed(ends, base: base)
        core.floors.onBase(base, of: ends.name)
        core.floors.onKnown([ends])
        if isNews { mirrorService.onFacts() }
    }

    /// This node's snapshots of a topic and partition that are on the disk and verify stand on these (S1b).
    package func onPublished(_ bases: [LineBase]) { core.floors.onPublished(bases, by: core.settings.region) }

    /// S1a: a heard chain is synced before this node's states cut what lies beyond it.
    private func heard(_ ends: [AgreedEnds]) {
        core.floors.onKnown(ends) { [core, mirrorService] in
            let consumer = core.state.withLock(\.consumer)
            for one in ends { consumer?.endsHeard(one) }
            mirrorService.onFacts()
        }
    }

    /// Asks every peer once what it holds of this region's logs.
    package func remember() async -> Memory {
        var memory = Memory()
        await withTaskGroup(of: PullReply?.self) { group in
            for peer in core.settings.peers { group.addTask { [self] in await probe(peer) } }
            for await case let reply? in group {
                memory.reachedPeers += 1
                for ends in reply.agreedEnds { _ = core.onAgreed(ends) }
                core.floors.onKnown(reply.agreedEnds)
                for head in reply.heads where head.log.name.region == core.settings.region {
                    memory.newestIncarnation = max(
                        memory.newestIncarnation ?? head.log.incarnation, head.log.incarnation)
                    memory.latestStamp = max(memory.latestStamp, head.lastStamp)
                }
            }
        }
        return memory
    }

    /// The first reply of any endpoint; nil where none answers.
    private func probe(_ peer: MirrorPeer) async -> PullReply? {
        for endpoint in peer.endpoints {
            // An endpoint that cannot be asked says nothing; the caller counts who answered.
            guard let channel = try? core.environment.links.channel(to: endpoint, security: core.settings.security)
            else { continue }
            let request = PullRequest(
                follower: core.settings.region, applyVersion: core.settings.applyVersion, deployment: core.deployment,
                incarnation: Incarnation(0), generation: 0, maxBytes: 0, waitMilliseconds: 0)
            let deadline = core.environment.clock.bootTime().advanced(by: Self.probeTimeout)
            // As above.
            let reply = try? await channel.unary(
                path: PullRequest.path, message: ByteBuffer(bytes: request.encoded), metadata: CallMetadata(),
                deadline: deadline)
            await channel.close()
            guard let reply else { continue }
            // As above.
            if let decoded = try? PullReply(
                decoding: Array(reply.message.readableBytesView), limits: core.settings.limits),
                decoded.holder == peer.region
            {
                return decoded
            }
        }
        return nil
    }

    // MARK: Seals

    /// Promises not to extend the origin's incarnations below the writer's before their ends are agreed, durably, and
    /// says how long they are here (S1a). Throws `.notFlushed`, `.sealsUnreadable`; the collector asks again.
    package func seal(_ round: SealRound) async throws -> SealAnswer {
        guard core.state.withLock({ $0.lineage.seal(round) }) else {
            throw MirrorError(.sealsUnreadable, "\(SealBook.maxOrigins) origins are sealed already")
        }
        try await waitForFlush(of: round.origin, below: round.incarnation)
        let file = SealFile(directory: core.settings.directory, files: core.environment.files)
        // The whole book as it stands then: of two seals at once the later save must not take the other one back.
        try await core.disk.run { [core] () throws(MirrorError) in
            let (book, saved) = core.state.withLock { ($0.lineage.seals, $0.savedSeals) }
            guard book != saved else { return }
            try file.save(book)
            core.state.withLock { $0.savedSeals = book }
        }
        let facts = core.facts
        let lengths = core.log.logs()
            .filter {
                $0.log.name.region == round.origin && $0.log.incarnation < round.incarnation
                    && $0.log.incarnation >= facts.settled($0.log.name)
            }
            .map { LogPoint(log: $0.log, offset: $0.flushedEnd, digest: $0.endDigest) }
        return SealAnswer(
            lengths: lengths, agreed: facts.ends(of: round.origin), bases: facts.bases(of: round.origin))
    }

    /// Every member has sealed: the lines may be pulled here up to what the ends records will name. Whether all of it is
    /// flushed here; waits for that for a while (S1a).
    package func lift(to collected: CollectedEnds) async throws -> LiftAnswer {
        guard core.state.withLock({ $0.lineage.onCollected(collected) }) else { return .otherRound }
        let deadline = core.environment.clock.bootTime().advanced(by: Self.liftTimeout)
        while !holds(collected) {
            guard core.environment.clock.bootTime() < deadline else { return .notYet }
            try await core.environment.clock.sleep(for: Self.reachCheck)
        }
        return .reached
    }

    private func holds(_ collected: CollectedEnds) -> Bool {
        collected.ends.allSatisfy { ends in
            ends.ends.ends.allSatisfy { listed in
                core.log.flushedEnd(of: LogIdentity(name: ends.name, incarnation: listed.incarnation)) >= listed.end
            }
        }
    }

    /// The incarnation whose ends record is the newest that is known for a log.
    package func agreedWriter(of name: LogName) -> Incarnation? { core.facts.writer(of: name) }

    private func waitForFlush(of origin: RegionNumber, below incarnation: Incarnation) async throws {
        let deadline = core.environment.clock.bootTime().advanced(by: Self.sealTimeout)
        while hasUnflushed(of: origin, below: incarnation) {
            guard core.environment.clock.bootTime() < deadline else {
                throw MirrorError(.notFlushed, "logs of region \(origin.rawValue) are not on the disk yet")
            }
            try await core.environment.clock.sleep(for: Self.flushCheck)
        }
    }

    private func hasUnflushed(of origin: RegionNumber, below incarnation: Incarnation) -> Bool {
        // Not from the engine's logs: one whose first batch is on its way is not among them.
        let handedDown = core.state.withLock { $0.follower?.handedDown(of: origin, below: incarnation) ?? [:] }
        return handedDown.contains { core.log.flushedEnd(of: $0.key) < $0.value }
    }

    // MARK: What operators and guards ask

    package func links() -> [MirrorFacts] { core.links() }

    /// Own flushed records that not one other region has flushed.
    package func unmirrored() -> UInt64 { core.unmirrored() }

    /// Of peers whose link is up (S2).
    package func peerClocks() -> [RegionNumber: PeerClock] { core.peerClocks() }

    /// Peers leave this member out of their median while its own guard refuses (S2).
    package func setRefusingWrites(_ isRefusing: Bool) { core.state.withLock { $0.isRefusingWrites = isRefusing } }
}
