// How far a replica has applied each origin's line, and each origin's time (S1, S1a, S2).

package import ClusterModel
package import EventLog
package import MergeableState

/// Progress through the logs of one topic and partition, over all origins. A pure value.
package struct OriginLines: Hashable, Sendable {
    package struct Progress: Hashable, Sendable {
        package var incarnation: Incarnation
        package var next: Offset
        package var lastStamp: HybridStamp
    }

    /// Incarnations that still count by origin, oldest first: the current one, and older ones without an agreed end.
    var origins: [RegionNumber: [Progress]] = [:]
    /// Origins whose line starts unlinked, with the newest such incarnation, while no ends record of it or of a newer one
    /// is applied: they have no time yet (S2). A genesis writes one too, an empty one, so that it can be told from a lost
    /// disk (HISTORIES 3).
    var untimed: [RegionNumber: Incarnation] = [:]
    /// The newest ends of each origin that were heard of, applied or not: agreed ends are facts (S1a).
    var agreed: [RegionNumber: EndsRecord] = [:]
    /// The incarnation whose writer appended that record.
    var newestAgreed: [RegionNumber: Incarnation] = [:]
    /// The newest incarnation of each origin whose ends record is applied, and with it all older ones to their ends.
    var settled: [RegionNumber: Incarnation] = [:]

    package init() {}

    /// The next offset to apply in a log; the agreed end of a settled one.
    package func next(in region: RegionNumber, _ incarnation: Incarnation) -> Offset {
        if let own = origins[region]?.first(where: { $0.incarnation == incarnation }) { return own.next }
        return isSettled(region, incarnation) ? agreedEnd(of: incarnation, in: region) ?? .zero : .zero
    }

    /// Whether the ends record that agreed on the incarnation's end is applied, so that all below it is.
    package func isSettled(_ region: RegionNumber, _ incarnation: Incarnation) -> Bool {
        guard let by = settled[region] else { return false }
        return incarnation < by
    }

    /// Whether an ends record of that incarnation, or of a newer one of the same origin, is applied.
    package func hasApplied(endsOf incarnation: Incarnation, in region: RegionNumber) -> Bool {
        settled[region].map { $0 >= incarnation } ?? false
    }

    /// Whether something is applied that lies beyond an agreed end: the state has to be folded anew (S1a).
    package var exceedsAgreedEnds: Bool {
        origins.contains { region, progress in
            progress.contains { item in agreedEnd(of: item.incarnation, in: region).map { item.next > $0 } ?? false }
        }
    }

    /// One entry an incarnation that is not yet agreed ended; normally one a region.
    package var vector: VersionVector {
        VersionVector(
            origins.keys.sorted().flatMap { region in
                (origins[region] ?? []).map {
                    VersionVector.Entry(region: region, incarnation: $0.incarnation, next: $0.next)
                }
            })
    }

    /// Whether an entry of a session token is met here (S12). Only its own line can ever satisfy it.
    package func verdict(on entry: VersionVector.Entry) -> SessionVerdict {
        let end = agreedEnd(of: entry.incarnation, in: entry.region)
        if let end, entry.next > end { return .lost }
        return next(in: entry.region, entry.incarnation) >= entry.next ? .met : .pending
    }

    /// Takes note that the record at `offset` is applied. Throws `.held` where it has to wait for another log first,
    /// and otherwise why the log has to stop; nothing is changed then, but that the ends which a record lists are known.
    package mutating func onRecord(
        _ record: EventRecord, in region: RegionNumber, _ incarnation: Incarnation, at offset: Offset
    ) throws(ApplyError) {
        guard !isSettled(region, incarnation) else {
            throw .gap(expected: next(in: region, incarnation), found: offset)
        }
        var progress = origins[region] ?? []
        let place: Int
        if let known = progress.firstIndex(where: { $0.incarnation == incarnation }) {
            place = known
        } else {
            place = progress.firstIndex { $0.incarnation > incarnation } ?? progress.count
            progress.insert(
                Progress(incarnation: incarnation, next: .zero, lastStamp: .zero), at: place)
        }
        guard progress[place].next == offset else { throw .gap(expected: progress[place].next, found: offset) }
        if let end = agreedEnd(of: incarnation, in: region), offset >= end {
            throw .beyondAgreedEnd(incarnation: incarnation, end: end)
        }
        progress[place].next = offset.advanced(by: 1)
        progress[place].lastStamp = max(progress[place].lastStamp, record.stamp)
        switch record.kind {
        case .opening: try open(record, region, incarnation)
        case .ends: try agree(record, region, incarnation, &progress)
        default: break
        }
        origins[region] = progress
    }

    /// S1: nobody applies an opening before having applied the predecessor to the end that it names.
    private mutating func open(
        _ record: EventRecord, _ region: RegionNumber, _ incarnation: Incarnation
    ) throws(ApplyError) {
        let opening: OpeningRecord
        do { opening = try OpeningRecord(body: record.body) } catch { throw .malformed("\(error)") }
        guard let predecessor = opening.predecessor else {
            untimed[region] = max(untimed[region] ?? incarnation, incarnation)
            return
        }
        // S1a: a link above an agreed end is read as the agreed end.
        let agreed = agreedEnd(of: predecessor.incarnation, in: region)
        let end = agreed.map { min($0, predecessor.end) } ?? predecessor.end
        guard next(in: region, predecessor.incarnation) >= end else {
            throw .held(until: predecessor.incarnation, reaches: end)
        }
    }

    /// S1a: applied only at exactly the ends that it lists; one that is not listed has end 0. From then on they no
    /// longer hold up the origin's time, and one entry stands for the line.
    private mutating func agree(
        _ record: EventRecord, _ region: RegionNumber, _ incarnation: Incarnation, _ progress: inout [Progress]
    ) throws(ApplyError) {
        let ends: EndsRecord
        do { ends = try EndsRecord(body: record.body) } catch { throw .malformed("\(error)") }
        learn(ends, from: incarnation, of: region)
        if let obstacle = obstacle(to: ends, by: incarnation, of: region) { throw obstacle }
        progress.removeAll { $0.incarnation < incarnation }
        if let unlinked = untimed[region], unlinked <= incarnation { untimed[region] = nil }
        settled[region] = incarnation
    }

    /// Why an ends record of that incarnation cannot be applied now; nil when it can.
    package func obstacle(to ends: EndsRecord, by incarnation: Incarnation, of region: RegionNumber) -> ApplyError? {
        for older in origins[region] ?? [] where older.incarnation < incarnation {
            let end = ends.end(of: older.incarnation)
            guard older.next >= end else { return .held(until: older.incarnation, reaches: end) }
            guard older.next == end else {
                return .endDiffers(incarnation: older.incarnation, applied: older.next, agreed: end)
            }
        }
        for listed in ends.ends where listed.incarnation < incarnation && listed.end > .zero {
            let isKnown = origins[region]?.contains { $0.incarnation == listed.incarnation } ?? false
            guard isKnown || isSettled(region, listed.incarnation) else {
                return .held(until: listed.incarnation, reaches: listed.end)
            }
        }
        return nil
    }

    /// Hears of agreed ends from a peer: facts that take effect at once, on what is applied from now on and on sessions,
    /// but not on the origin's time (S1a).
    package mutating func learn(_ ends: EndsRecord, from incarnation: Incarnation, of region: RegionNumber) {
        if let known = newestAgreed[region] {
            guard known < incarnation || known == incarnation && !hasApplied(endsOf: incarnation, in: region) else {
                return
            }
        }
        agreed[region] = ends
        newestAgreed[region] = incarnation
    }

    /// The newest agreed ends by origin: what a handshake carries.
    package var agreedEnds: [(region: RegionNumber, by: Incarnation, ends: EndsRecord)] {
        agreed.keys.sorted().compactMap { region in
            guard let ends = agreed[region], let by = newestAgreed[region] else { return nil }
            return (region, by, ends)
        }
    }

    /// The agreed end of an incarnation older than the writer of the newest ends known; nil for one that may still grow.
    package func agreedEnd(of incarnation: Incarnation, in region: RegionNumber) -> Offset? {
        guard let ends = agreed[region], let by = newestAgreed[region], incarnation < by else { return nil }
        return ends.end(of: incarnation)
    }

    /// An origin's time: the minimum of the last applied stamps over its current line and every older incarnation
    /// without an agreed end (S2). Nil while it has none. Complexity: O(1) once the newest agreed ends are applied.
    package func time(of region: RegionNumber) -> WallTime? {
        guard untimed[region] == nil, hasReachedAgreedEnds(of: region) else { return nil }
        return origins[region]?.map(\.lastStamp).min()?.wallTime
    }

    /// S2: a link above an agreed end is read as the end, so that a line may be applied before one that it stands on.
    private func hasReachedAgreedEnds(of region: RegionNumber) -> Bool {
        guard let ends = agreed[region], let by = newestAgreed[region], !hasApplied(endsOf: by, in: region) else {
            return true
        }
        return ends.ends.allSatisfy { next(in: region, $0.incarnation) >= $0.end }
    }

    /// The least time over `members`; nil while one of them has none.
    package func time(over members: [RegionNumber]) -> WallTime? {
        var least: WallTime?
        for member in members {
            guard let time = time(of: member) else { return nil }
            least = min(least ?? time, time)
        }
        return least
    }
}
