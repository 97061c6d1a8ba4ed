// What peers say on the mesh, and the instances that hear it.

import ClusterModel
import EventLog
import NodeEnvironment
import RegionMirror

/// Small limits, so that lists stand at their bound in inputs of a few hundred bytes.
enum MeshSamples {
    static var limits: MirrorLimits {
        var limits = MirrorLimits()
        (limits.logs, limits.cursors, limits.agreedEnds, limits.regions) = (4, 4, 4, 3)
        return limits
    }

    static let bounds: [UInt64] = [4, 3, UInt64(EndsRecord.maxEnds), 16_384, 65_536, 60_000, 1 << 20]

    static func ends(_ log: LogIdentity) -> [AgreedEnds] {
        let older = Incarnation(startedAt: ExtremesSamples.now.advanced(by: .seconds(-5)), entropy: 1)
        let newest = Incarnation(startedAt: ExtremesSamples.now.advanced(by: .seconds(-4)), entropy: 2)
        guard
            let record = EndsRecord([
                .init(incarnation: older, end: Offset(9)), .init(incarnation: newest, end: Offset(11)),
            ])
        else { return [] }
        return AgreedEnds(name: log.name, writer: log.incarnation, ends: record).map { [$0] } ?? []
    }

    static func point(_ log: LogIdentity, _ offset: UInt64) -> LogPoint {
        LogPoint(log: log, offset: Offset(offset), digest: Digest128(high: 3, low: offset))
    }

    static let logs = [(1, 5), (1, 6), (2, 7), (3, 8)].map { ExtremesSamples.log($0.0, $0.1) }
    static var heads: [LogSummary] { logs.map { ExtremesSamples.head($0, end: 20) } }

    static let settings = MirrorSettings(
        region: RegionNumber(2), deploymentID: "shop", applyVersion: 1,
        peers: [1, 3].map { MirrorPeer(region: RegionNumber($0), name: "r\($0)", endpoints: []) },
        security: .plaintext, maxBytesPerSecond: 1 << 20, heartbeat: .milliseconds(500), stallTimeout: .seconds(5),
        directory: "data")
}

/// Pulls, planned for by a holder.
struct PullTarget: ExtremesTarget {
    let name = "pull"
    let grammar = ExtremesGrammar(bounds: MeshSamples.bounds, strides: [40])

    var seeds: [[UInt8]] {
        [
            [], MeshSamples.logs.prefix(1).map { MeshSamples.point($0, 5) },
            MeshSamples.logs.map { MeshSamples.point($0, 20) },
        ]
        .map { positions in
            var request = PullRequest(
                follower: RegionNumber(1), applyVersion: 3, deployment: 4, incarnation: Incarnation(8),
                generation: 5, maxBytes: 6, waitMilliseconds: 7)
            request.positions = positions
            return request.encoded
        }
    }

    func run(_ bytes: [UInt8]) -> Bool {
        guard let request = try? PullRequest(decoding: bytes, limits: MeshSamples.limits) else { return false }
        var holder = HolderInstance()
        _ = holder.onPull(generation: request.generation)
        for facts in [LineageFacts(), Self.facts] {
            let plan = holder.plan(request, held: MeshSamples.heads, facts)
            holder.onAnswered(plan)
        }
        var unreadable = UnreadableLogs(limit: 4)
        let now = BootInstant(nanoseconds: 1 << 40)
        for position in request.positions {
            let end = position.offset.advanced(by: 1)
            _ = unreadable.onUnreadable(position.log, position.offset..<max(position.offset, end), at: now)
            _ = unreadable.verdict(on: position, at: now)
            _ = RelayChoice.choose(
                [HeldCopy(holder: request.follower, end: position.offset)], for: position.log,
                position: position.offset, before: nil)
        }
        claim(request, now)
        return request.encoded == bytes
    }

    private static let facts: LineageFacts = {
        var facts = LineageFacts(limits: MeshSamples.limits)
        for ends in MeshSamples.ends(MeshSamples.logs[1]) { _ = facts.onAgreed(ends) }
        return facts
    }()

    private func claim(_ request: PullRequest, _ now: BootInstant) {
        var claim = RegionClaim(request.incarnation, stallTimeout: .seconds(5), at: now)
        claim.onPull(
            link: request.generation, due: now.advanced(by: .milliseconds(Int64(request.waitMilliseconds))))
        claim.onLink(request.generation &+ 1)
        claim.onLinkClosed(request.generation &+ 1, at: now)
        _ = claim.admits(Incarnation(request.incarnation.rawValue &+ 1), at: now.advanced(by: .seconds(1 << 40)))
    }
}

/// Answers to pulls, taken by a follower, a start and a clock guard.
struct ReplyTarget: ExtremesTarget {
    let name = "reply"
    let grammar = ExtremesGrammar(bounds: MeshSamples.bounds, strides: [80, 16])

    var seeds: [[UInt8]] {
        let log = MeshSamples.logs[0]
        // Without samples the run would take nothing, and say so.
        let chain = (try? ExtremesSamples.chain(log)) ?? []
        return [0, 1, 4].map { count in
            var reply = PullReply(holder: RegionNumber(1), wallTime: ExtremesSamples.now, generation: 5)
            (reply.waitedMicroseconds, reply.applyVersion) = (17, 3)
            reply.heads = Array(MeshSamples.heads.prefix(count))
            if count == 1 { reply.answers = [.init(log: log, .batches(chain))] }
            if count == 4 {
                reply.answers = [
                    .init(log: log, .otherChain), .init(log: MeshSamples.logs[1], .gap(firstAvailable: Offset(77))),
                ]
            }
            reply.agreedEnds = count == 0 ? [] : MeshSamples.ends(MeshSamples.logs[1])
            return reply.encoded
        }
    }

    func run(_ bytes: [UInt8]) -> Bool {
        guard let reply = try? PullReply(decoding: bytes, limits: MeshSamples.limits) else { return false }
        follow(reply)
        start(behind: reply.heads)
        var clock = ClockGuard(bounds: .standard)
        clock.onPeer(
            reply.holder,
            PeerClock(
                offsetMilliseconds: reply.wallTime.signedMilliseconds(from: ExtremesSamples.now),
                roundTrip: .microseconds(Int64(reply.waitedMicroseconds)), isRefusing: reply.isRefusingWrites))
        _ = clock.verdict.description
        return reply.encoded == bytes
    }

    private func follow(_ reply: PullReply) {
        for ceiling in [TimeCeiling(at: ExtremesSamples.now), .possible] {
            var follower = FollowerInstance(
                own: RegionNumber(2), incarnation: Incarnation(3), held: [], limits: MeshSamples.limits)
            follower.ceiling = ceiling
            follower.onLink(reply.holder, generation: reply.generation)
            let asked = reply.answers.map { LogPoint(startOf: $0.log) }
            // A refusal drops the connection and changes nothing.
            let directives = (try? follower.onReply(reply, from: reply.holder, to: asked, LineageFacts())) ?? []
            for case .submit(let batch) in directives { follower.onRefused(batch) }
            for case .alarm(_, let stop) in directives { _ = stop.description }
            _ = follower.positions(for: reply.holder, LineageFacts())
            _ = follower.short(LineageFacts())
            let lag = follower.lag(behind: reply.holder)
            var meter = LagMeter()
            meter.record(milliseconds: lag.milliseconds, at: BootInstant(nanoseconds: lag.records))
            _ = meter.quantile(0.99, at: BootInstant(nanoseconds: .max))
            for head in reply.heads {
                _ = follower.isComing(head.log, to: head.flushedEnd, LineageFacts())
                follower.onHeld(head)
                follower.onAdopted(head)
                _ = follower.handedDown(of: head.log.name.region, below: Incarnation(.max))
            }
        }
    }

    /// A start that finds them on its disk, and one that hears them as its own memory.
    private func start(behind heads: [LogSummary]) {
        let name = ExtremesSamples.log(1, 5).name
        for isSole in [true, false] {
            let plan = try? IncarnationPlan(
                starting: [name], after: RecoveryReport(logs: heads), now: ExtremesSamples.now, entropy: 5,
                bounds: .standard, applyVersion: 1, isSoleMember: isSole)
            let newest = heads.map(\.log.incarnation).max()
            let stamp = heads.map(\.lastStamp).max() ?? .zero
            guard let raised = try? plan?.raised(above: newest, stamp) else { continue }
            for beginning in raised.beginnings {
                var clock = HybridClock(above: beginning.stampFloor)
                for _ in 0..<3 { _ = clock.stamp(at: ExtremesSamples.now) }
            }
        }
    }
}

/// Cursors and claims.
struct ReportTarget: ExtremesTarget {
    let name = "report"
    let grammar = ExtremesGrammar(bounds: MeshSamples.bounds, strides: [58])

    var seeds: [[UInt8]] {
        [0, 1, 4].map { (count: Int) -> [UInt8] in
            let cursors = (0..<count).map { (place: Int) -> CursorReport.Cursor in
                CursorReport.Cursor(
                    region: RegionNumber(UInt16(1 + place % 3)), incarnation: Incarnation(8),
                    point: MeshSamples.point(MeshSamples.logs[2], UInt64(place)), first: Offset(UInt64(place / 2)))
            }
            let report = CursorReport(
                teller: RegionNumber(1), deployment: 4, incarnation: Incarnation(8), cursors: cursors)
            return report.encoded
        }
    }

    func run(_ bytes: [UInt8]) -> Bool {
        guard let report = try? CursorReport(decoding: bytes, limits: MeshSamples.limits) else { return false }
        var table = CursorTable(origin: RegionNumber(2), limits: MeshSamples.limits)
        let authority = MeshAuthority(MeshSamples.settings)
        for cursor in report.cursors {
            _ = authority.mayReport(cursor, by: report.teller)
            _ = table.onCursor(cursor, chain: cursor.point.digest)
            table.onLongerCopy(cursor)
            _ = table.onCursor(cursor, chain: nil)
            let log = cursor.point.log
            _ = (table.farthest(in: log), table.lowest(of: [cursor.region], in: log), table.isLongerElsewhere(log))
            _ = table.regions(holding: log, below: cursor.point.offset.advanced(by: 1))
        }
        _ = table.all.count
        return report.encoded == bytes
    }
}

struct ClaimTarget: ExtremesTarget {
    let name = "claim"
    let grammar = ExtremesGrammar(bounds: MeshSamples.bounds)

    var seeds: [[UInt8]] {
        [LinkClaim(follower: RegionNumber(2), deployment: 4, incarnation: Incarnation(8), generation: 5).encoded]
    }

    func run(_ bytes: [UInt8]) -> Bool {
        guard let claim = try? LinkClaim(decoding: bytes) else { return false }
        let now = BootInstant(nanoseconds: claim.generation)
        var held = RegionClaim(claim.incarnation, stallTimeout: .seconds(5), at: now)
        held.onAnswered(at: now)
        held.onLink(claim.generation)
        held.onLinkClosed(claim.generation, at: now)
        _ = held.admits(Incarnation(.max), at: BootInstant(nanoseconds: .max))
        return claim.encoded == bytes
    }
}

extension ExtremesGrammar {
    init(bounds: [UInt64], strides: [Int] = [], share: Int = 64) {
        self.init()
        self.bounds = bounds
        self.strides = strides
        self.share = share
    }
}
