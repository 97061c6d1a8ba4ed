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
        let collected = rounds[log.name.region]?.ends[log.name]
        if let end = agreed[log.name]?.end(of: log) ?? collected?.end(of: log) { return .ends(end) }
        return seals.isSealed(log) ? .sealed : .open
    }

    /// The highest offset up to which a log may be given to others; nil where there is no bound (S1a: what lies beyond
    /// an agreed end is served to nobody).
    package func servedEnd(of log: LogIdentity) -> Offset? { agreed[log.name]?.end(of: log) }

    /// Hears of agreed ends; whether they are news. Later writers list what earlier ones agreed on.
    package mutating func onAgreed(_ ends: AgreedEnds) -> Bool {
        if let known = agreed[ends.name] {
            guard known.writer < ends.writer else { return false }
        } else if agreed.count >= limit {
            return false
        }
        agreed[ends.name] = ends
        return true
    }

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
