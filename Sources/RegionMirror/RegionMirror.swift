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
    let core: MirrorCore
    let mirrorService: MirrorService

    private static let sealTimeout: Duration = .seconds(5)
    private static let flushCheck: Duration = .milliseconds(5)
    private static let liftTimeout: Duration = .seconds(5)
    private static let reachCheck: Duration = .milliseconds(20)

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

    /// The region that this node is of.
    package var region: RegionNumber { core.settings.region }

    /// Who may call on the mesh.
    package var peers: MeshPeers { core.peers }

    /// Who may say what there.
    package var authority: MeshAuthority { core.authority }

    /// Follows all peers until the task is cancelled. `incarnation` is what this node writes itself; `onOutrun` hears, at most
    /// once a number, that another region holds its own line under a higher one (S1a).
    package func run(
        incarnation: Incarnation, consumer: any MirroredLogConsumer,
        onOutrun: @escaping @Sendable (Incarnation) -> Void = { _ in }
    ) async {
        core.begin(incarnation, consumer, onOutrun: onOutrun)
        await withTaskGroup(of: Void.self) { group in
            group.addTask { [mirrorService] in await mirrorService.watchLinks() }
            group.addTask { [core] in await core.watchLag() }
            for peer in core.settings.peers {
                let link = MirrorLink(core: core, peer: peer, onHeard: { [self] in heard($0) }, service: mirrorService)
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

    // MARK: Seals

    /// Promises not to extend the origin's incarnations below the writer's before their ends are agreed, durably, and
    /// says how long those are here that are asked about (S1a). Throws `.notFlushed`, `.sealsUnreadable`; the collector asks
    /// again.
    package func seal(_ question: SealQuestion) async throws -> SealAnswer {
        let round = question.round
        // The own line may be ahead of a clock that was set back (HISTORIES 9).
        guard round.origin == core.settings.region || core.ceiling.admits(round.incarnation) else {
            throw MirrorError(
                .aheadOfClock, "a seal below incarnation \(String(round.incarnation.rawValue, radix: 16))")
        }
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
                    && question.concerns($0.log.name) && $0.log.incarnation >= facts.settled($0.log.name)
            }
            .map { LogPoint(log: $0.log, offset: $0.flushedEnd, digest: $0.endDigest) }
        return SealAnswer(
            lengths: lengths, agreed: facts.ends(of: round.origin).filter { question.concerns($0.name) },
            bases: facts.bases(of: round.origin).filter { question.concerns($0.name) })
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

    package func links() -> [MirrorFacts] {
        let rivals = mirrorService.rivals()
        return core.links().map { link in
            var link = link
            link.rival = rivals[link.region]
            return link
        }
    }

    /// Whether what this process of another region says changes anything here: its terms break no rule, and it is the one
    /// that speaks for its region (S1, S3).
    package func admits(_ region: RegionNumber, _ incarnation: Incarnation) -> Bool {
        guard region != core.settings.region else { return true }
        return mirrorService.speaks(for: region, incarnation) && !core.refuses(region)
    }

    /// Own flushed records that not one other region has flushed.
    package func unmirrored() -> UInt64 { core.unmirrored() }

    /// Of peers whose link is up (S2).
    package func peerClocks() -> [RegionNumber: PeerClock] { core.peerClocks() }

    /// Peers leave this member out of their median while its own guard refuses (S2).
    package func setRefusingWrites(_ isRefusing: Bool) { core.state.withLock { $0.isRefusingWrites = isRefusing } }
}
