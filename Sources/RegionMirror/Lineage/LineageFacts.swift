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
    /// What the own ends records will name, as soon as the own state has reached it: lifts the own seal, told to nobody.
    private var collected: [LogName: AgreedEnds] = [:]
    private let limit: Int

    package init(seals: SealBook = SealBook(), limits: MirrorLimits = MirrorLimits()) {
        self.seals = seals
        limit = limits.agreedEnds
    }

    package func limit(of log: LogIdentity) -> Limit {
        if let end = agreed[log.name]?.end(of: log) ?? collected[log.name]?.end(of: log) { return .ends(end) }
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

    /// Every member has sealed: this origin's next ends record will name `ends`, and its lines may be pulled up to there.
    package mutating func onCollected(_ ends: AgreedEnds) {
        guard collected[ends.name] != nil || collected.count < limit else { return }
        collected[ends.name] = ends
    }

    /// The incarnation whose ends record is the newest that is known for a log.
    package func writer(of name: LogName) -> Incarnation? { agreed[name]?.writer }

    /// Promises not to extend `origin`'s incarnations below `incarnation`. Whether it is a new promise; one that finds the
    /// book full is none.
    @discardableResult
    package mutating func seal(_ origin: RegionNumber, below incarnation: Incarnation) -> Bool {
        seals.seal(origin, below: incarnation)
    }

    /// In the order of names.
    package var all: [AgreedEnds] { agreed.keys.sorted().compactMap { agreed[$0] } }

    package func ends(of origin: RegionNumber) -> [AgreedEnds] { all.filter { $0.name.region == origin } }
}
