// How far a replica has applied one origin's line of one topic and partition (S1, S1a, S2).

package import ClusterModel
package import EventLog

/// The base that a state stands on and positions from there on. A pure value.
package struct OriginLine: Hashable, Sendable {
    package struct Progress: Hashable, Sendable {
        package var incarnation: Incarnation
        package var next: Offset
        package var lastStamp: HybridStamp
    }

    /// The last ends record that is applied: all of the line below it is.
    package internal(set) var base = EndsPoint.genesis
    /// Incarnations that still count, oldest first: the current one, and older ones without an applied end.
    package internal(set) var progress: [Progress] = []
    /// Set while the line begins unlinked: the newest such incarnation, as long as no ends record of it or of a newer one is
    /// applied. The origin has no time then (S2). A genesis writes one too, an empty one, so that it can be told from a lost
    /// disk (HISTORIES 3).
    var untimed: Incarnation?
    /// The ends records that are known, applied or not: agreed ends are facts (S1a).
    package internal(set) var chain: EndsChain?
    /// Records below the chain, oldest first: what old sessions are judged by (S12). At most `settledLinks`.
    package internal(set) var settled: [EndsLink] = []
    /// What this origin's own writer is about to record. Not a fact before it is flushed (HISTORIES 25).
    package internal(set) var proposed: EndsLink?

    /// Records that are kept below a floor: of an incarnation from before them it is not known any more how far it went.
    package static let settledLinks = 64

    package init() {}

    func place(of incarnation: Incarnation) -> Int? { progress.firstIndex { $0.incarnation == incarnation } }

    /// Whether the end of the incarnation is fixed and everything up to it applied.
    package func isSettled(_ incarnation: Incarnation) -> Bool { incarnation < base.number }

    /// The next offset to apply in a log; of a settled one its agreed end, zero where that is not known any more.
    package func next(in incarnation: Incarnation) -> Offset {
        if let place = place(of: incarnation) { return progress[place].next }
        return isSettled(incarnation) ? agreedEnd(of: incarnation) ?? .zero : .zero
    }

    /// The agreed end of an incarnation below the newest ends record known; nil for one that may still grow, and below what
    /// is known. Complexity: O(log links), below the chain O(`settledLinks`).
    package func agreedEnd(of incarnation: Incarnation) -> Offset? {
        guard let chain else { return nil }
        if incarnation >= chain.root.number { return chain.end(of: incarnation) }
        guard let link = settled.first(where: { $0.number > incarnation }), incarnation >= link.record.on.number
        else { return nil }
        return link.record.end(of: incarnation)
    }

    /// Whether something is applied that lies beyond an agreed end, or the base is one that a higher number has passed over:
    /// such a state cannot be kept (S1a).
    package var exceedsAgreedEnds: Bool {
        guard let chain else { return false }
        if base.number >= chain.root.number, !chain.contains(base) { return true }
        return progress.contains { item in agreedEnd(of: item.incarnation).map { item.next > $0 } ?? false }
    }

    /// Whether what the known records stand on is not applied here and may be gone everywhere: below the floor of whoever
    /// told them (S1b).
    package var isBelowChain: Bool {
        guard let chain else { return false }
        return base.number < chain.root.number
    }

    /// S2: the minimum of the last applied stamps over the current line and every older incarnation without an agreed end.
    /// Nil while there is none.
    package var time: WallTime? {
        guard untimed == nil, !isBelowChain, !exceedsAgreedEnds, hasReachedAgreedEnds else { return nil }
        return progress.map(\.lastStamp).min()?.wallTime
    }

    /// S2: a link above an agreed end is read as the end, so that a line may be applied before one that it stands on.
    private var hasReachedAgreedEnds: Bool {
        guard let chain, chain.tip.point != base else { return true }
        return chain.links.allSatisfy { link in
            link.number <= base.number || link.record.ends.allSatisfy { next(in: $0.incarnation) >= $0.end }
        }
    }

    // MARK: Records

    /// Takes note that the record at `offset` is applied. Throws `.held` where it has to wait for another log first, and
    /// otherwise why the log has to stop; nothing is changed then, but that the ends which a record lists are known.
    mutating func onRecord(
        _ record: EventRecord, _ incarnation: Incarnation, at offset: Offset
    ) throws(ApplyError) {
        guard !isSettled(incarnation) else { throw .gap(expected: next(in: incarnation), found: offset) }
        let expected = next(in: incarnation)
        guard expected == offset else { throw .gap(expected: expected, found: offset) }
        // The own line's ends that are about to be recorded bind too: the record is applied at exactly those.
        if let end = linkEnd(of: incarnation), offset >= end {
            throw .beyondAgreedEnd(incarnation: incarnation, end: end)
        }
        switch record.kind {
        case .opening: try open(record, incarnation)
        case .ends: try agree(record, incarnation, at: offset)
        default: break
        }
        let place = place(of: incarnation) ?? progress.firstIndex { $0.incarnation > incarnation } ?? progress.count
        if place == progress.count || progress[place].incarnation != incarnation {
            progress.insert(Progress(incarnation: incarnation, next: .zero, lastStamp: .zero), at: place)
        }
        progress[place].next = offset.advanced(by: 1)
        progress[place].lastStamp = max(progress[place].lastStamp, record.stamp)
    }

    /// S1: nobody applies an opening before having applied the predecessor to the end that it names.
    private mutating func open(_ record: EventRecord, _ incarnation: Incarnation) throws(ApplyError) {
        let opening: OpeningRecord
        do { opening = try OpeningRecord(body: record.body) } catch { throw .malformed("\(error)") }
        guard let predecessor = opening.predecessor else {
            untimed = max(untimed ?? incarnation, incarnation)
            return
        }
        // S1a: a link above an agreed end is read as the agreed end, and one below the base as settled.
        guard !isSettled(predecessor.incarnation) else { return }
        let end = min(predecessor.end, linkEnd(of: predecessor.incarnation) ?? predecessor.end)
        guard next(in: predecessor.incarnation) >= end else {
            throw .held(until: predecessor.incarnation, reaches: end)
        }
    }

    /// The agreed end, or the one that the own writer is about to record.
    private func linkEnd(of incarnation: Incarnation) -> Offset? {
        if let end = agreedEnd(of: incarnation) { return end }
        guard let proposed, incarnation < proposed.number else { return nil }
        return proposed.record.end(of: incarnation)
    }
}
