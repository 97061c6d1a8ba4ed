// How far a replica has applied each origin's line, and each origin's time (S1, S1a, S2).

package import ClusterModel
package import EventLog
package import MergeableState

/// Progress through the logs of one topic and partition, over all origins. A pure value.
package struct OriginLines: Hashable, Sendable {
    package typealias Progress = OriginLine.Progress

    package internal(set) var lines: [RegionNumber: OriginLine] = [:]

    package init() {}

    package func line(of region: RegionNumber) -> OriginLine { lines[region] ?? OriginLine() }

    /// The last ends record that is applied of an origin's line.
    package func base(of region: RegionNumber) -> EndsPoint { lines[region]?.base ?? .genesis }

    /// The incarnation below which everything of the origin is applied and fixed; nil before its first ends record.
    package func settled(_ region: RegionNumber) -> Incarnation? {
        lines[region].flatMap { $0.base == .genesis ? nil : $0.base.number }
    }

    /// The next offset to apply in a log; the agreed end of a settled one.
    package func next(in region: RegionNumber, _ incarnation: Incarnation) -> Offset {
        lines[region]?.next(in: incarnation) ?? .zero
    }

    /// Whether the ends record that agreed on the incarnation's end is applied, so that all below it is.
    package func isSettled(_ region: RegionNumber, _ incarnation: Incarnation) -> Bool {
        lines[region]?.isSettled(incarnation) ?? false
    }

    /// Whether an ends record of that incarnation, or of a newer one of the same origin, is applied.
    package func hasApplied(endsOf incarnation: Incarnation, in region: RegionNumber) -> Bool {
        settled(region).map { $0 >= incarnation } ?? false
    }

    /// Whether something is applied that lies beyond an agreed end: the state has to be folded anew (S1a).
    package var exceedsAgreedEnds: Bool { lines.values.contains { $0.exceedsAgreedEnds } }

    /// One entry an incarnation that is not yet agreed ended; normally one a region. With the bases that they stand on.
    package var vector: VersionVector {
        VersionVector(
            lines.keys.sorted().flatMap { region in
                (lines[region]?.progress ?? []).map {
                    VersionVector.Entry(region: region, incarnation: $0.incarnation, next: $0.next)
                }
            },
            bases: lines.mapValues(\.base).filter { $0.value != .genesis })
    }

    /// Takes note that the record at `offset` is applied. Throws `.held` where it has to wait for another log first,
    /// and otherwise why the log has to stop; nothing is changed then, but that the ends which a record lists are known.
    package mutating func onRecord(
        _ record: EventRecord, in region: RegionNumber, _ incarnation: Incarnation, at offset: Offset
    ) throws(ApplyError) {
        // In place: a line holds its chain.
        try lines[region, default: OriginLine()].onRecord(record, incarnation, at: offset)
    }

    /// Hears of agreed ends from a peer. Whether they are news.
    @discardableResult
    package mutating func learn(_ chain: EndsChain, of region: RegionNumber) -> Bool {
        lines[region, default: OriginLine()].learn(chain)
    }

    /// A record that stands in a log of the line, below that log's agreed end. Whether it is news.
    mutating func meet(_ link: EndsLink, of region: RegionNumber) -> Bool {
        let before = lines[region]?.chain
        lines[region, default: OriginLine()].meet(link)
        return lines[region]?.chain != before
    }

    /// The own writer is about to append it (S1a).
    package mutating func propose(_ link: EndsLink, of region: RegionNumber) {
        lines[region, default: OriginLine()].propose(link)
    }

    /// What the own writer proposed is flushed. False where it cannot be applied.
    package mutating func confirmProposed(of region: RegionNumber) -> Bool {
        lines[region]?.confirmProposed() ?? false
    }

    /// S1b: what lies below the floor leaves.
    package mutating func prune(_ region: RegionNumber, to floor: EndsPoint) { lines[region]?.prune(to: floor) }

    /// What is known of agreed ends by origin.
    package var chains: [(region: RegionNumber, chain: EndsChain)] {
        lines.keys.sorted().compactMap { region in lines[region]?.chain.map { (region, $0) } }
    }

    /// The agreed end of an incarnation older than the writer of the newest ends known; nil for one that may still grow.
    package func agreedEnd(of incarnation: Incarnation, in region: RegionNumber) -> Offset? {
        lines[region]?.agreedEnd(of: incarnation)
    }

    /// An origin's time: the minimum of the last applied stamps over its current line and every older incarnation
    /// without an agreed end (S2). Nil while it has none. Complexity: O(incarnations without an applied end).
    package func time(of region: RegionNumber) -> WallTime? { lines[region]?.time }

    /// The least time over `members`; nil while one of them has none, and while any line must be bootstrapped (S1a).
    package func time(over members: [RegionNumber]) -> WallTime? {
        guard !isBelowChain else { return nil }
        var least: WallTime?
        for member in members {
            guard let time = time(of: member) else { return nil }
            least = min(least ?? time, time)
        }
        return least
    }

    /// Whether some line's known records stand on what is not applied here (S1b).
    package var isBelowChain: Bool { lines.values.contains { $0.isBelowChain } }
}
