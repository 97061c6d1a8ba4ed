// What a node pulls, from whom, and what of a reply may go down into its engine. Pure: no clock, no files, no links.

package import ClusterModel
package import EventLog

/// One a node, over all its links, so that a log has one position whoever serves it. A value; its shell guards it.
///
/// A batch is handed down only when it is of a log that was asked for, goes on exactly where ours ends, its epoch is not
/// below the last (S1, S8), and its line may be extended (S1a). OTHER_CHAIN and GAP stop that log until the next link to
/// whoever said so, or until somebody else has what was missing; the other logs go on. Positions are what was handed
/// down; cursors are what is flushed (S11) and are not kept here.
package struct FollowerInstance: Sendable {
    /// Why a log is not asked for any more.
    package enum Stop: Hashable, Sendable, CustomStringConvertible {
        case otherChain
        /// The holder begins at this offset; nothing in between is skipped.
        case gap(firstAvailable: Offset)
        case epochWentDown
        case acrossAgreedEnd(Offset)
        /// It claims this time, which is ahead of every clock that is believed (TimeCeiling). It goes on by itself when the
        /// own clock gets there.
        case aheadOfClock(WallTime)
        /// Ends of this region's own line that this process has not written: they are believed from nobody.
        case endsOfOurs(Incarnation)
        /// Of no member, topic or partition of the deployment.
        case outOfScope
        /// It begins more than 2D below this stamp of its own line: two processes of one region wrote at once (HISTORIES 28).
        case besideItsLine(WallTime)

        package var description: String {
            switch self {
            case .otherChain: "two chains of one incarnation"
            case .gap(let first):
                "the holder begins at offset \(first.rawValue): bytes in between are gone or damaged there"
            case .epochWentDown: "a batch of a lower epoch"
            case .acrossAgreedEnd(let end): "a batch across the agreed end \(end.rawValue)"
            case .aheadOfClock(let time):
                "it claims the time \(time.milliseconds) ms, which is ahead of every clock that is believed"
            case .outOfScope: "a peer announces a log of no region, topic or partition of this deployment: left out"
            case .besideItsLine(let stamp):
                "it begins far below what is held of its line, up to \(stamp.milliseconds) ms: two processes of one region "
                    + "wrote at once; what it holds comes inside a snapshot of another region"
            case .endsOfOurs(let writer):
                "a peer tells ends of this region's own line by incarnation \(String(writer.rawValue, radix: 16)), which "
                    + "is not this process: left out; see Runbooks/region-claimed.md"
            }
        }
    }

    package enum Directive: Hashable, Sendable {
        /// Hand this batch to the engine, in this order.
        case submit(EncodedBatch)
        /// Tell people: this log stands still.
        case alarm(LogIdentity, Stop)
        case heard(AgreedEnds)
        /// A holder has bytes of this region's own line under a higher number than this process writes: it has to begin anew
        /// above it (S1a).
        case outrun(by: Incarnation)
    }

    private struct Position: Sendable {
        var point: LogPoint
        var epoch: Epoch
        var lastStamp = HybridStamp.zero
    }

    private struct Link: Sendable {
        var generation: UInt64
        /// The holder's heads, as last told.
        var heads: [LogIdentity: LogSummary] = [:]
        /// What it said it has nothing before, whatever its heads say: bytes that it holds and cannot read.
        var firstAvailable: [LogIdentity: Offset] = [:]
        /// The last log that a full pull had room for.
        var turn: LogIdentity?
    }

    package let limits: MirrorLimits
    /// What is believed of times: as of the clock now, set before replies are taken and positions asked for.
    package var ceiling = TimeCeiling.possible
    private let own: RegionNumber
    /// Nil for all logs.
    private let scope: LogScope?
    private let incarnation: Incarnation
    private var links: [RegionNumber: Link] = [:]
    private var positions: [LogIdentity: Position] = [:]
    private var asked: [LogIdentity: RegionNumber] = [:]
    /// Names of which something was told that is not believed: people are told once. At most `disbelievedNames`.
    private var disbelieved: Set<LogName> = []
    private static let disbelievedNames = 1_024
    /// Logs of which some holder has once said that they begin behind our position there.
    private var suspects: Set<LogIdentity> = []
    /// Logs that were written beside their own line. They are had from a snapshot or not at all.
    private var besides: Set<LogIdentity> = []
    /// Logs that go on from a place that a snapshot of some member named, and nothing has followed it so far.
    private var unproven: Set<LogIdentity> = []
    /// Of those the ones whose origin goes on differently: had from another snapshot. A log is doubted so often at most: one whose
    /// origin writes two chains never ends otherwise.
    private var doubted: [LogIdentity: (isOpen: Bool, times: Int)] = [:]
    private static let maxDoubts = 3
    /// The highest number of this region's own line that a holder has told, above this process's own.
    private var outrunBy: Incarnation?
    private let maxDrift: Duration
    package private(set) var stopped: [LogIdentity: (stop: Stop, by: RegionNumber)] = [:]
    package private(set) var duplicates: UInt64 = 0
    package private(set) var staleReplies: UInt64 = 0

    /// `incarnation`: what this node writes itself is never pulled.
    package init(
        own: RegionNumber, incarnation: Incarnation, held: [LogSummary], limits: MirrorLimits = MirrorLimits(),
        scope: LogScope? = nil, maxDrift: Duration = TimeBounds.standard.maxDrift
    ) {
        self.maxDrift = maxDrift
        self.scope = scope?.and(held.map(\.log.name.region))
        self.own = own
        self.incarnation = incarnation
        self.limits = limits
        for summary in held { onHeld(summary) }
        unproven = Set(held.filter { $0.base > .zero && $0.base == $0.flushedEnd }.map(\.log))
    }

    /// A new link to a holder: what it told is forgotten, and logs that it stopped start again.
    package mutating func onLink(_ holder: RegionNumber, generation: UInt64) {
        links[holder] = Link(generation: generation)
        stopped = stopped.filter { $0.value.by != holder }
    }

    /// The link is gone: others are asked for its logs.
    package mutating func onLinkLost(_ holder: RegionNumber) { links[holder] = nil }

    /// What the engine holds of a log, where what was handed down did not get there.
    package mutating func onHeld(_ summary: LogSummary) {
        let point = LogPoint(log: summary.log, offset: summary.flushedEnd, digest: summary.endDigest)
        positions[summary.log] = Position(point: point, epoch: summary.epoch, lastStamp: summary.lastStamp)
    }

    /// The log goes on from where a snapshot ends; why it stood still is over.
    package mutating func onAdopted(_ summary: LogSummary) {
        onHeld(summary)
        stopped[summary.log] = nil
        besides.remove(summary.log)
        doubted[summary.log]?.isOpen = false
        if summary.base == summary.flushedEnd { unproven.insert(summary.log) }
    }

    /// What lies below a floor leaves (S1b). Complexity: O(logs x links).
    package mutating func drop(_ facts: LineageFacts) {
        positions = positions.filter { !facts.isBelowFloor($0.key) }
        asked = asked.filter { !facts.isBelowFloor($0.key) }
        stopped = stopped.filter { !facts.isBelowFloor($0.key) }
        suspects = suspects.filter { !facts.isBelowFloor($0) }
        besides = besides.filter { !facts.isBelowFloor($0) }
        unproven = unproven.filter { !facts.isBelowFloor($0) }
        doubted = doubted.filter { !facts.isBelowFloor($0.key) }
        links = links.mapValues { link in
            var kept = link
            kept.heads = link.heads.filter { !facts.isBelowFloor($0.key) }
            kept.firstAvailable = link.firstAvailable.filter { !facts.isBelowFloor($0.key) }
            return kept
        }
    }

    /// The engine did not take a batch: the position goes back to before it.
    package mutating func onRefused(_ batch: EncodedBatch) {
        let log = batch.header.log
        guard let position = positions[log], position.point.offset > batch.header.baseOffset else { return }
        positions[log]?.point = LogPoint(
            log: log, offset: batch.header.baseOffset, digest: batch.header.previousDigest)
    }

    /// What `holder` last said that it has flushed of a log; nil while its link is down.
    package func head(of log: LogIdentity, at holder: RegionNumber) -> LogSummary? { links[holder]?.heads[log] }

    /// Of a connected holder's own logs, in their order.
    package func ownHeads(of holder: RegionNumber) -> [LogSummary] {
        (links[holder]?.heads ?? [:]).filter { $0.key.name.region == holder }.sorted { $0.key < $1.key }.map(\.value)
    }

    /// Up to where batches were handed down.
    package func position(of log: LogIdentity) -> Offset { positions[log]?.point.offset ?? .zero }

    /// The logs to ask `holder` for, in their order. At most `limits.logs`. Complexity: O(heads x links).
    package mutating func positions(for holder: RegionNumber, _ facts: LineageFacts) -> [LogPoint] {
        guard let heads = links[holder]?.heads else { return [] }
        var points: [LogPoint] = []
        for log in inTurn(heads.keys.sorted(), at: holder) where points.count < limits.logs && isWanted(log, facts) {
            let point = positions[log]?.point ?? LogPoint(startOf: log)
            let choice = RelayChoice.choose(
                copies(of: log, from: point.offset), for: log, position: point.offset, before: asked[log])
            asked[log] = choice
            if choice == holder { points.append(point) }
        }
        links[holder]?.turn = points.count < limits.logs ? nil : points.last?.log
        return points
    }

    /// Behind those that the last pull had room for, so that none is never asked for.
    private func inTurn(_ logs: [LogIdentity], at holder: RegionNumber) -> [LogIdentity] {
        guard let last = links[holder]?.turn, let place = logs.firstIndex(where: { $0 > last }) else { return logs }
        return Array(logs[place...] + logs[..<place])
    }

    private mutating func isWanted(_ log: LogIdentity, _ facts: LineageFacts) -> Bool {
        if log.name.region == own, log.incarnation >= incarnation { return false }
        if case .gap? = stopped[log]?.stop, copies(of: log, from: position(of: log)).contains(where: \.isWhole) {
            stopped[log] = nil
        }
        if case .aheadOfClock(let time)? = stopped[log]?.stop, time <= ceiling.latest { stopped[log] = nil }
        guard stopped[log] == nil, !isShort(log) else { return false }
        switch facts.limit(of: log) {
        case .open: return true
        case .sealed: return false
        case .ends(let end): return position(of: log) < end
        }
    }

    private func copies(of log: LogIdentity, from position: Offset) -> [HeldCopy] {
        links.compactMap { holder, link in
            link.heads[log].map { head in
                let base = max(head.base, link.firstAvailable[log] ?? .zero)
                return HeldCopy(holder: holder, end: head.flushedEnd, isWhole: base <= position)
            }
        }
    }

    /// Whether a holder's copy begins behind our position because what comes before was trimmed there, or never held.
    private func isTrimmed(_ log: LogIdentity, at holder: RegionNumber) -> Bool {
        guard let head = links[holder]?.heads[log] else { return false }
        return head.base > position(of: log)
    }

    /// Whether nobody who is connected holds what comes next of the log, and somebody has trimmed it (S5).
    private func isShort(_ log: LogIdentity) -> Bool {
        if besides.contains(log) || isDoubted(log) { return true }
        guard suspects.contains(log) else { return false }
        let position = position(of: log)
        if copies(of: log, from: position).contains(where: { $0.isWhole && $0.end > position }) { return false }
        return links.keys.contains { isTrimmed(log, at: $0) }
    }

    /// Logs that agreed ends list, that end before that here, and whose rest has left everywhere: who goes on with their line
    /// holds nothing of it (S1b). Two members that end at one place are no holders for each other. A state on such an end comes
    /// from a member's snapshot. Complexity: O(heads + listed ends x links).
    package func left(_ facts: LineageFacts) -> [LogIdentity] {
        var newest: [LogName: Incarnation] = [:]
        for log in links.values.lazy.flatMap(\.heads.keys) {
            newest[log.name] = max(newest[log.name] ?? log.incarnation, log.incarnation)
        }
        var left: Set<LogIdentity> = []
        for ends in facts.all {
            guard let newest = newest[ends.name] else { continue }
            for listed in ends.chain.links.lazy.flatMap(\.record.ends) where listed.incarnation < newest {
                let log = LogIdentity(name: ends.name, incarnation: listed.incarnation)
                let position = position(of: log)
                guard log.incarnation >= facts.settled(ends.name), position < listed.end,
                    !links.values.contains(where: { ($0.heads[log]?.flushedEnd ?? .zero) > position })
                else { continue }
                left.insert(log)
            }
        }
        return left.sorted()
    }

    /// Logs that can only be had from where a snapshot of a member ends (S5). Complexity: O(logs that begin late x links).
    package mutating func short(_ facts: LineageFacts) -> [LogIdentity] {
        suspects = suspects.filter { log in links.keys.contains { isTrimmed(log, at: $0) } }
        let lost = besides.union(doubted.keys.filter(isDoubted))
        return suspects.union(lost.filter { isAhead($0, facts) }).filter { log in
            if log.name.region == own, log.incarnation >= incarnation { return false }
            if case .ends(let end) = facts.limit(of: log), position(of: log) >= end { return false }
            // No snapshot may lead over what no clock can have made.
            if case .aheadOfClock? = stopped[log]?.stop { return false }
            return isShort(log)
        }.sorted()
    }

    /// Whether the place from which the log goes on here is none of its origin's.
    private func isDoubted(_ log: LogIdentity) -> Bool { doubted[log]?.isOpen ?? false }

    /// Whether somebody who is connected has more of a log that is had from a snapshot or not at all.
    private func isAhead(_ log: LogIdentity, _ facts: LineageFacts) -> Bool {
        log.incarnation >= facts.settled(log.name)
            && links.values.contains { ($0.heads[log]?.flushedEnd ?? .zero) > position(of: log) }
    }

    /// Whether the log is being pulled, and some holder has it beyond `offset`: what is held of it need not be given up.
    package func isComing(_ log: LogIdentity, to offset: Offset, _ facts: LineageFacts) -> Bool {
        guard stopped[log] == nil, !isShort(log) else { return false }
        switch facts.limit(of: log) {
        case .open: break
        case .sealed: return false
        case .ends(let end) where end < offset: return false
        case .ends: break
        }
        let position = position(of: log)
        return copies(of: log, from: position).contains { $0.isWhole && $0.end >= offset }
    }

    /// Logs of `origin` below `incarnation` with batches on their way to the disk, and up to where they go.
    package func handedDown(of origin: RegionNumber, below incarnation: Incarnation) -> [LogIdentity: Offset] {
        positions.filter { $0.key.name.region == origin && $0.key.incarnation < incarnation }.mapValues(\.point.offset)
    }

    /// How far `holder`'s own logs are ahead of us: records over all, milliseconds of stamps in the one that lags most.
    package func lag(
        behind holder: RegionNumber, _ facts: LineageFacts = LineageFacts()
    ) -> (records: UInt64, milliseconds: UInt64) {
        var lag: (records: UInt64, milliseconds: UInt64) = (0, 0)
        for (log, head) in links[holder]?.heads ?? [:] where log.name.region == holder {
            let known = positions[log]
            let end = known?.point.offset ?? .zero
            let target = facts.servedEnd(of: log).map { min($0, head.flushedEnd) } ?? head.flushedEnd
            guard target > end else { continue }
            // What heads say is anybody's word: their sum ends at the largest number.
            lag.records = lag.records.adding(clamping: target.distance(from: end))
            // Nothing of the log is here: its age is not known from stamps, and the next batch says more.
            guard let ours = known?.lastStamp.wallTime else { continue }
            lag.milliseconds = max(lag.milliseconds, head.lastStamp.wallTime.milliseconds(since: ours))
        }
        return lag
    }

    /// Takes a reply to a pull that asked for `asked`. All directives stand, or none when it throws: then the connection
    /// is to be dropped. A reply of another generation changes nothing.
    package mutating func onReply(
        _ reply: PullReply, from holder: RegionNumber, to asked: [LogPoint], _ facts: LineageFacts
    ) throws(MirrorError) -> [Directive] {
        guard reply.generation == links[holder]?.generation else {
            staleReplies &+= 1
            return []
        }
        let places = Dictionary(asked.map { ($0.log, $0.offset) }, uniquingKeysWith: { first, _ in first })
        for answer in reply.answers { try Self.check(answer, places) }
        var facts = facts
        var directives: [Directive] = []
        // Before the answers: one that says GAP is judged by what the holder says of its base.
        for head in reply.heads { onHead(head, of: holder, &directives) }
        for ends in reply.agreedEnds where isBelieved(ends, holder, &directives) && facts.onAgreed(ends) {
            directives.append(.heard(ends))
        }
        for answer in reply.answers {
            // The position went back since it was asked: the engine refused something. This answer is for later.
            guard let place = places[answer.log], position(of: answer.log) >= place else { continue }
            take(answer, from: holder, facts, &directives)
        }
        return directives
    }

    /// Ends by a writer that no clock can have made would be the newest for ever. Of this region's current line nobody else can
    /// have appended any (S1a): what is told of them would stop every state here.
    private mutating func isBelieved(
        _ ends: AgreedEnds, _ holder: RegionNumber, _ directives: inout [Directive]
    ) -> Bool {
        let stop: Stop
        if let scope, !scope.holds(ends.name) {
            stop = .outOfScope
        } else if ends.name.region == own, ends.writer >= incarnation {
            // One's own come back from everybody; those of a later start whose log is told of end this process.
            if ends.writer <= outrunBy ?? incarnation { return false }
            stop = .endsOfOurs(ends.writer)
        } else if !ceiling.admits(ends.writer) {
            stop = .aheadOfClock(ends.writer.startedAt)
        } else {
            return true
        }
        disbelieve(LogIdentity(name: ends.name, incarnation: ends.writer), stop, &directives)
        return false
    }

    private mutating func disbelieve(_ log: LogIdentity, _ stop: Stop, _ directives: inout [Directive]) {
        guard disbelieved.count < Self.disbelievedNames, disbelieved.insert(log.name).inserted else { return }
        directives.append(.alarm(log, stop))
    }

    private mutating func onHead(_ head: LogSummary, of holder: RegionNumber, _ directives: inout [Directive]) {
        if let scope, !scope.holds(head.log.name) { return disbelieve(head.log, .outOfScope, &directives) }
        guard let known = links[holder]?.heads, known[head.log] != nil || known.count < limits.heads else { return }
        if !ceiling.admits(head.log.incarnation) {
            halt(head.log, .aheadOfClock(head.log.incarnation.startedAt), holder, &directives)
        }
        links[holder]?.heads[head.log] = head
        if head.log.name.region == own, head.log.incarnation > outrunBy ?? incarnation, head.flushedEnd > .zero,
            ceiling.admits(head.log.incarnation)
        {
            outrunBy = head.log.incarnation
            directives.append(.outrun(by: head.log.incarnation))
        }
        guard head.base > position(of: head.log) else { return }
        suspects.insert(head.log)
        // A gap that turns out to be what was trimmed is none.
        if case .gap? = stopped[head.log]?.stop, stopped[head.log]?.by == holder { stopped[head.log] = nil }
    }

    /// An answer is to what was asked, and its batches follow each other from that place on.
    private static func check(_ answer: PullReply.LogAnswer, _ places: [LogIdentity: Offset]) throws(MirrorError) {
        guard var end = places[answer.log] else {
            throw MirrorError(.outOfSequence, "\(answer.log) was not asked for")
        }
        guard case .batches(let batches) = answer.answer else { return }
        for (index, batch) in batches.enumerated() {
            guard batch.header.log == answer.log else {
                throw MirrorError(.outOfSequence, "\(batch.header.log) inside \(answer.log)")
            }
            let base = batch.header.baseOffset
            guard base == end || (index == 0 && base < end) else {
                throw MirrorError(.outOfSequence, "\(answer.log) at \(end.rawValue), got \(base.rawValue)")
            }
            end = batch.endOffset
        }
    }

    private mutating func take(
        _ answer: PullReply.LogAnswer, from holder: RegionNumber, _ facts: LineageFacts,
        _ directives: inout [Directive]
    ) {
        switch answer.answer {
        case .batches(let batches):
            for batch in batches { take(batch, from: holder, facts, &directives) }
        case .otherChain: halt(answer.log, .otherChain, holder, &directives)
        case .gap(let first):
            links[holder]?.firstAvailable[answer.log] = first
            // Trimmed there since it was asked: what is missing comes inside a snapshot (S5), and nothing stands still.
            if isTrimmed(answer.log, at: holder) { return }
            halt(answer.log, .gap(firstAvailable: first), holder, &directives)
        }
    }

    private mutating func take(
        _ batch: EncodedBatch, from holder: RegionNumber, _ facts: LineageFacts, _ directives: inout [Directive]
    ) {
        let log = batch.header.log
        guard stopped[log] == nil else { return }
        var position = positions[log] ?? Position(point: LogPoint(startOf: log), epoch: Epoch(0))
        guard batch.endOffset > position.point.offset else {
            duplicates &+= 1
            return
        }
        switch facts.limit(of: log) {
        case .open: break
        case .sealed: return
        case .ends(let end) where batch.header.baseOffset >= end: return
        case .ends(let end) where batch.endOffset > end:
            return halt(log, .acrossAgreedEnd(end), holder, &directives)
        case .ends: break
        }
        // Equal chains have equal batches: one that begins inside ours is of another.
        guard batch.extends(log, end: position.point.offset, digest: position.point.digest) else {
            return halt(log, .otherChain, holder, &directives)
        }
        guard ceiling.admits(log.incarnation) else {
            return halt(log, .aheadOfClock(log.incarnation.startedAt), holder, &directives)
        }
        guard ceiling.admits(batch.header.lastStamp) else {
            return halt(log, .aheadOfClock(batch.header.lastStamp.wallTime), holder, &directives)
        }
        if let stamp = stampAbove(batch) {
            besides.insert(log)
            return halt(log, .besideItsLine(stamp), holder, &directives)
        }
        guard position.epoch <= batch.header.epoch else { return halt(log, .epochWentDown, holder, &directives) }
        unproven.remove(log)
        position.point = LogPoint(log: log, offset: batch.endOffset, digest: batch.chainDigest)
        position.epoch = batch.header.epoch
        position.lastStamp = batch.header.lastStamp
        positions[log] = position
        directives.append(.submit(batch))
    }

    /// The origin's own batch does not go on from the place that a snapshot named: the snapshot was wrong. Of others it is not
    /// known who is.
    private mutating func doubt(_ log: LogIdentity, _ holder: RegionNumber) {
        guard holder == log.name.region, unproven.contains(log) else { return }
        let times = doubted[log]?.times ?? 0
        guard times < Self.maxDoubts else { return }
        doubted[log] = (true, times + 1)
    }

    private func stampAbove(_ batch: EncodedBatch) -> WallTime? {
        OpeningOrder.stampAbove(
            batch, in: positions.lazy.map { (log: $0.key, lastStamp: $0.value.lastStamp) }, maxDrift: maxDrift)
    }

    private mutating func halt(
        _ log: LogIdentity, _ stop: Stop, _ holder: RegionNumber, _ directives: inout [Directive]
    ) {
        if stop == .otherChain || stop == .epochWentDown { doubt(log, holder) }
        guard stopped[log] == nil else { return }
        stopped[log] = (stop, holder)
        directives.append(.alarm(log, stop))
    }
}
