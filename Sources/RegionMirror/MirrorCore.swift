// What all links and the service of one node share: positions, lineage facts, cursors, and the way down to the engine.

import ClusterModel
import EventLog
import Logging
import NodeEnvironment
import Synchronization

/// Thread-safe; its lock is never held across I/O or a suspension.
final class MirrorCore: Sendable {
    struct State {
        /// Replaced while the node runs.
        var tokenKeys: [TokenKeyFingerprint] = []
        var lineage: LineageFacts
        var savedSeals: SealBook
        var follower: FollowerInstance?
        var incarnation = Incarnation(0)
        var cursors: CursorTable
        /// Cursors of others on others' logs, to be passed on to their origins.
        var relayed: [CursorKey: CursorReport.Cursor] = [:]
        /// Cursors whose places have to be read from the disk, in turn.
        var lookups: [CursorReport.Cursor] = []
        var isLookingUp = false
        var links: [RegionNumber: LinkState] = [:]
        var toldCursors = OrderedDeliveries<ToldCursor>()
        var announced: Set<LogIdentity> = []
        var consumer: (any MirroredLogConsumer)?
        /// Hears that this process has to begin anew above a number of its own line (S1a).
        var onOutrun: @Sendable (Incarnation) -> Void = { _ in }
        /// Hears which token keys every peer has told to have (S3).
        var onMemberKeys: @Sendable (Set<TokenKeyFingerprint>) -> Void = { _ in }
        var isRefusingWrites = false
        /// Which logs stand still, and which origins are silent.
        var lag = LagWatch()
        /// Regions that have reported what was not theirs to report: people are told once.
        var misreporting: Set<RegionNumber> = []
    }

    /// A cursor as the consumer hears of it.
    struct ToldCursor: Sendable {
        var region: RegionNumber
        var log: LogIdentity
        var held: Range<Offset>
    }

    struct CursorKey: Hashable {
        var log: LogIdentity
        var region: RegionNumber
    }

    struct LinkState {
        /// But for what is asked of others when it is read: ages, lags and stopped logs.
        var status: MirrorFacts
        var lastHeard: BootInstant?
        /// As it told last; nil before it told anything.
        var tokenKeys: Set<TokenKeyFingerprint>?
        var meter = LagMeter()
        var clock: PeerClock?
        /// Logs whose cursors the peer has not been told.
        var untold: Set<LogIdentity> = []
        var relayedUntold: Set<CursorKey> = []
        var wake: AsyncStream<Void>.Continuation?
        /// Why it was not connected, as far as the log says so. At most `MirrorLimits.reasonsSaid`.
        var saidReasons: Set<String> = []
        /// Heads of this link that were found on our own chain: so far the peer has flushed what we have.
        var verifiedHeads: [LogIdentity: Offset] = [:]
        /// What the peer has heard over this link of our published snapshots (S1b); nil before the first reply.
        var toldBases: [LogName: EndsPoint]?
    }

    let settings: MirrorSettings
    /// The fingerprint of this region's terms: messages of regions with other ones are refused (S3).
    let deployment: UInt64
    let peers: MeshPeers
    let authority: MeshAuthority
    let log: any EventLogEngine
    let environment: NodeEnvironment
    let disk: any DedicatedExecutor
    let logger: Logger
    let floors: FloorKeeper
    let state: Mutex<State>

    init(
        _ settings: MirrorSettings, seals: SealBook, floors: FloorKeeper, log: any EventLogEngine,
        environment: NodeEnvironment, disk: any DedicatedExecutor, logger: Logger
    ) {
        self.floors = floors
        self.settings = settings
        self.log = log
        self.environment = environment
        self.disk = disk
        self.logger = logger
        deployment = settings.terms.fingerprint.rawValue
        peers = MeshPeers(settings)
        authority = MeshAuthority(settings)
        var state = State(
            lineage: LineageFacts(seals: seals, limits: settings.limits), savedSeals: seals,
            cursors: CursorTable(origin: settings.region, limits: settings.limits))
        for ends in floors.known { _ = state.lineage.onAgreed(ends) }
        for peer in settings.peers {
            state.links[peer.region] = LinkState(status: MirrorFacts(region: peer.region, name: peer.name))
        }
        state.tokenKeys = settings.tokenKeys
        self.state = Mutex(state)
    }

    /// What this region says of itself now.
    var terms: RegionTerms {
        var terms = settings.terms
        terms.tokenKeys = state.withLock(\.tokenKeys)
        return terms
    }

    /// Timers of waiting pulls and word of commits.
    var loop: any NodeExecutor { environment.executors.loops[0] }

    var facts: LineageFacts { state.withLock { $0.lineage } }

    /// What this node writes itself; 0 before it follows.
    var incarnation: Incarnation { state.withLock(\.incarnation) }

    /// The latest time that is believed now of what others say.
    var ceiling: TimeCeiling { TimeCeiling(at: environment.clock.wallTime()) }

    func makeReply(generation: UInt64) -> PullReply {
        var reply = PullReply(
            holder: settings.region, wallTime: environment.clock.wallTime(), generation: generation)
        reply.applyVersion = settings.applyVersion
        reply.deployment = deployment
        (reply.isRefusingWrites, reply.incarnation) = state.withLock { ($0.isRefusingWrites, $0.incarnation) }
        return reply
    }

    /// Begins to follow. `incarnation` is what this node writes itself.
    func begin(
        _ incarnation: Incarnation, _ consumer: any MirroredLogConsumer,
        onOutrun: @escaping @Sendable (Incarnation) -> Void = { _ in }
    ) {
        let held = log.logs()
        let mustTell = state.withLock { state in
            state.incarnation = incarnation
            state.consumer = consumer
            state.onOutrun = onOutrun
            state.follower = FollowerInstance(
                own: settings.region, incarnation: incarnation, held: held, limits: settings.limits,
                scope: LogScope(
                    members: [settings.region] + settings.peers.map(\.region) + settings.formerMembers,
                    partitions: settings.partitions),
                maxDrift: settings.timeBounds.maxDrift)
            // Peers reported to the service before anyone here could hear it.
            return state.toldCursors.add(
                state.cursors.all.map { ToldCursor(region: $0.region, log: $0.log, held: $0.held) })
        }
        onCommit(held.map(\.log))
        for ends in facts.all { consumer.endsHeard(ends) }
        for floor in floors.standing { consumer.floorMoved(of: floor.name, to: floor.point) }
        if mustTell { tellCursors() }
    }

    /// Follows no more.
    func end() {
        state.withLock { state in
            state.consumer = nil
            state.onOutrun = { _ in }
            state.follower = nil
        }
    }

    /// Whether this node writes the log itself.
    private func isOwn(_ log: LogIdentity, _ incarnation: Incarnation) -> Bool {
        log.name.region == settings.region && log.incarnation >= incarnation
    }

    // MARK: Commits

    /// Logs moved on this disk: new ones are announced, lags measured, and peers told.
    func onCommit(_ moved: [LogIdentity]) {
        let (wall, boot) = (environment.clock.wallTime(), environment.clock.bootTime())
        let (appeared, consumer, wakes) = state.withLock { state in
            guard let consumer = state.consumer else {
                return ([LogIdentity](), (any MirroredLogConsumer)?.none, [AsyncStream<Void>.Continuation]())
            }
            var appeared: [LogIdentity] = []
            for log in moved where !isOwn(log, state.incarnation) {
                if state.announced.count < settings.limits.heads, state.announced.insert(log).inserted {
                    appeared.append(log)
                } else if let stamp = self.log.summary(of: log)?.lastStamp {
                    let age = wall.milliseconds(since: stamp.wallTime)
                    state.links[log.name.region]?.meter.record(milliseconds: age, at: boot)
                }
            }
            let wakes = Self.markUntold(moved, &state)
            return (appeared, consumer, wakes)
        }
        for log in appeared { consumer?.logAppeared(log) }
        for wake in wakes { wake.yield() }
    }

    private static func markUntold(
        _ moved: [LogIdentity], _ state: inout State
    ) -> [AsyncStream<Void>.Continuation] {
        var wakes: [AsyncStream<Void>.Continuation] = []
        for region in state.links.keys.sorted() {
            let told = moved.filter { isTold(of: $0, region, state.links) }
            guard !told.isEmpty, let wake = state.links[region]?.wake else { continue }
            state.links[region]?.untold.formUnion(told)
            wakes.append(wake)
        }
        return wakes
    }

    /// A peer is told of its own logs, and of those of a region that cannot be told now, so that it passes it on.
    static func isTold(of log: LogIdentity, _ region: RegionNumber, _ links: [RegionNumber: LinkState]) -> Bool {
        log.name.region == region || links[log.name.region]?.status.isConnected == false
    }

    // MARK: Replies

    struct Taken: Sendable {
        var bytes = 0
        var batches: UInt64 = 0
        /// The engine refused something for now.
        var isRefused = false
        /// The last offset handed down of each log.
        var ends: [LogIdentity: Offset] = [:]
        var heard: [AgreedEnds] = []
        var outrunBy: Incarnation?
    }

    /// Takes a reply down into the engine. Throws where the connection is to be dropped.
    func onReply(_ reply: PullReply, from region: RegionNumber, to asked: [LogPoint]) throws(MirrorError) -> Taken {
        let ceiling = ceiling
        let (taken, alarms) = try state.withLock { state throws(MirrorError) in
            // Taken out, not copied: it holds every log's position.
            guard var follower = state.follower.take() else { return (Taken(), [FollowerInstance.Directive]()) }
            defer { state.follower = follower }
            follower.ceiling = ceiling
            let directives = try follower.onReply(reply, from: region, to: asked, state.lineage)
            return try run(directives, &follower, &state, region)
        }
        for case .alarm(let log, let stop) in alarms {
            if case .besideItsLine = stop {
                logger.error(
                    "two processes of one region wrote at once; see Runbooks/region-claimed.md",
                    metadata: ["log": "\(log)", "reason": "\(stop)", "from": "\(region.rawValue)"])
                continue
            }
            logger.error(
                "a mirrored log stands still",
                metadata: ["log": "\(log)", "reason": "\(stop)", "from": "\(region.rawValue)"])
        }
        if let higher = taken.outrunBy { state.withLock(\.onOutrun)(higher) }
        return taken
    }

    private func run(
        _ directives: [FollowerInstance.Directive], _ follower: inout FollowerInstance, _ state: inout State,
        _ region: RegionNumber
    ) throws(MirrorError) -> (Taken, [FollowerInstance.Directive]) {
        var taken = Taken()
        var alarms: [FollowerInstance.Directive] = []
        var refused: Set<LogIdentity> = []
        for directive in directives {
            switch directive {
            case .alarm: alarms.append(directive)
            case .outrun(let higher): taken.outrunBy = higher
            case .heard(let ends): if state.lineage.onAgreed(ends) { taken.heard.append(ends) }
            case .submit(let batch) where refused.contains(batch.header.log): follower.onRefused(batch)
            case .submit(let batch):
                if try submit(batch, &follower) {
                    taken.bytes = taken.bytes.adding(clamping: batch.length)
                    taken.batches &+= 1
                    taken.ends[batch.header.log] = batch.endOffset
                } else {
                    taken.isRefused = true
                    refused.insert(batch.header.log)
                }
            }
        }
        state.links[region]?.status.receivedBytes &+= UInt64(clamping: taken.bytes)
        state.links[region]?.status.receivedBatches &+= taken.batches
        return (taken, alarms)
    }

    /// False where the engine has no room now.
    private func submit(_ batch: EncodedBatch, _ follower: inout FollowerInstance) throws(MirrorError) -> Bool {
        let identity = batch.header.log
        do {
            try log.submit(batch)
            return true
        } catch  where error.code == .backlogFull || error.code == .noSpace {
            follower.onRefused(batch)
            return false
        } catch  where error.code == .doesNotExtend {
            // The engine is right about what it holds.
            follower.onHeld(log.summary(of: identity) ?? LogSummary(emptyAt: identity))
            return false
        } catch {
            follower.onRefused(batch)
            throw MirrorError(.logEnded, "\(error)")
        }
    }

    /// Agreed ends that this node's own shards applied or that a peer told.
    func onAgreed(_ ends: AgreedEnds) -> Bool { state.withLock { $0.lineage.onAgreed(ends) } }

    /// Agreed ends that this node's own states know, and what they stand on. Whether the ends are news.
    func onAgreed(_ ends: AgreedEnds, base: EndsPoint) -> Bool {
        state.withLock { state in
            state.lineage.onBase(base, of: ends.name)
            return state.lineage.onAgreed(ends)
        }
    }
}

extension LogSummary {
    /// Nothing of a log.
    init(emptyAt log: LogIdentity) {
        self.init(
            log: log, base: .zero, baseDigest: .zero, flushedEnd: .zero, endDigest: .zero, lastStamp: .zero,
            epoch: Epoch(0))
    }
}
