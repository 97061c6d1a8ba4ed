// How far each log may be extended here and served from here: seals and agreed ends (S1a). Pure.

package import ClusterModel
package import EventLog

/// What a member knows of the ends of lines. A value; its shell keeps the seals on the disk.
package struct LineageFacts: Sendable {
    package enum Limit: Hashable, Sendable {
        /// May grow: the current incarnation, or an older one on which nobody asked for a seal.
        case open
        /// This member has sealed it and does not know its end yet: not extended, served as it is.
        case sealed
        /// Agreed: extended up to there, served up to there.
        case ends(Offset)
    }

    package private(set) var seals: SealBook
    private var agreed: [LogName: AgreedEnds] = [:]
    private var bases: [LogName: EndsPoint] = [:]
    /// Below these incarnations everything has left (S1b).
    private var floors: [LogName: Incarnation] = [:]
    /// The round of which an origin has this member's seal. At most `SealBook.maxOrigins`.
    private var rounds: [RegionNumber: Round] = [:]
    private let limit: Int

    private struct Round: Sendable {
        let round: SealRound
        /// What it came to: lifts the seal up to there, told to nobody.
        var ends: [LogName: AgreedEnds] = [:]
    }

    package init(seals: SealBook = SealBook(), limits: MirrorLimits = MirrorLimits()) {
        self.seals = seals
        limit = limits.agreedEnds
    }

    package func limit(of log: LogIdentity) -> Limit {
        guard !isBelowFloor(log) else { return .ends(.zero) }
        let collected = rounds[log.name.region]?.ends[log.name]
        if let end = agreed[log.name]?.end(of: log) ?? collected?.end(of: log) { return .ends(end) }
        return seals.isSealed(log) ? .sealed : .open
    }

    /// The highest offset up to which a log may be given to others; nil where there is no bound (S1a: what lies beyond
    /// an agreed end is served to nobody).
    package func servedEnd(of log: LogIdentity) -> Offset? { agreed[log.name]?.end(of: log) }

    /// Hears of agreed ends; whether they are news. The highest number wins.
    package mutating func onAgreed(_ ends: AgreedEnds) -> Bool {
        guard var known = agreed[ends.name] else {
            guard agreed.count < limit else { return false }
            agreed[ends.name] = ends
            return true
        }
        let isNews = known.chain.merge(ends.chain)
        if isNews { agreed[ends.name] = known }
        return isNews
    }

    /// Every member's published snapshots hold the line up to this record: what lies below is neither pulled nor told nor
    /// counted any more (S1b).
    package mutating func onFloor(_ floor: LineBase) {
        guard floors[floor.name] != nil || floors.count < limit else { return }
        floors[floor.name] = max(floors[floor.name] ?? floor.point.number, floor.point.number)
        if var known = agreed[floor.name], known.chain.prune(to: floor.point) { agreed[floor.name] = known }
    }

    /// Whether the log has left.
    package func isBelowFloor(_ log: LogIdentity) -> Bool { floors[log.name].map { log.incarnation < $0 } ?? false }

    /// What this node's state of a log's topic and partition stands on.
    package mutating func onBase(_ point: EndsPoint, of name: LogName) {
        if bases[name] != nil || bases.count < limit { bases[name] = point }
    }

    /// Of the origin's log names of which an ends record is applied, in order.
    package func bases(of origin: RegionNumber) -> [LineBase] {
        bases.keys.filter { $0.region == origin }.sorted().compactMap { name in
            bases[name].flatMap { $0 == .genesis ? nil : LineBase(name: name, point: $0) }
        }
    }

    /// The incarnation below which all of a log's line is applied here.
    package func settled(_ name: LogName) -> Incarnation { bases[name]?.number ?? Incarnation(0) }

    /// Every member has sealed: the origin's ends records will name these, and its lines may be pulled up to there. False
    /// where the seal that stands here is not of that round.
    package mutating func onCollected(_ collected: CollectedEnds) -> Bool {
        guard rounds[collected.round.origin]?.round == collected.round else { return false }
        for ends in collected.ends { rounds[collected.round.origin]?.ends[ends.name] = ends }
        return true
    }

    /// The incarnation whose ends record is the newest that is known for a log.
    package func writer(of name: LogName) -> Incarnation? { agreed[name]?.writer }

    /// Promises not to extend the origin's incarnations below the writer's; what an earlier round allowed is taken back.
    /// Whether the promise stands: not where it finds the book full.
    package mutating func seal(_ round: SealRound) -> Bool {
        _ = seals.seal(round.origin, below: round.incarnation)
        guard seals.covers(round.origin, below: round.incarnation) else { return false }
        if rounds[round.origin].map({ round.isNewer(than: $0.round) }) ?? true {
            rounds[round.origin] = Round(round: round)
        }
        return true
    }

    /// In the order of names.
    package var all: [AgreedEnds] { agreed.keys.sorted().compactMap { agreed[$0] } }

    package func ends(of origin: RegionNumber) -> [AgreedEnds] { all.filter { $0.name.region == origin } }
}
