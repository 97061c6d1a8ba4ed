// Which regions have flushed what of this region's own logs (S11).

package import ClusterModel

/// Cursors of other regions, checked against the origin's chain. A value; its shell looks digests up in the engine.
package struct CursorTable: Sendable {
    package enum Outcome: Hashable, Sendable {
        case counted
        /// Another chain: not an ack, and what was known of that region and log is dropped (HISTORIES 16).
        case otherChain
        /// The origin's own cursor, a message that others have overtaken, or one region more than `limits.regions`.
        case ignored
    }

    /// What one start of a region has flushed.
    private struct Holder: Sendable {
        var incarnation: Incarnation
        var ends: [LogIdentity: Offset] = [:]
        /// The first offset that is held as bytes, where that is not zero: what came inside a bootstrap's snapshot is no ack.
        var firsts: [LogIdentity: Offset] = [:]
        /// Logs that it has longer than the origin: no ack, but nothing of them is here alone.
        var longer: Set<LogIdentity> = []

        mutating func onCursor(
            _ point: LogPoint, first: Offset, chain: Digest128?, limit: Int
        ) -> Outcome {
            let log = point.log
            guard ends[log] != nil || ends.count < limit else { return .ignored }
            guard let chain, chain == point.digest else {
                ends[log] = nil
                firsts[log] = nil
                return .otherChain
            }
            guard ends[log].map({ $0 <= point.offset }) ?? true else { return .ignored }
            ends[log] = point.offset
            firsts[log] = first > .zero ? first : nil
            return .counted
        }

        mutating func onLongerCopy(of log: LogIdentity, limit: Int) {
            if longer.count < limit { longer.insert(log) }
        }
    }

    private let origin: RegionNumber
    private let limits: MirrorLimits
    private var holders: [RegionNumber: Holder] = [:]

    package init(origin: RegionNumber, limits: MirrorLimits = MirrorLimits()) {
        self.origin = origin
        self.limits = limits
    }

    /// A cursor that a region reported or that a relay forwarded as such. `chain` is the origin's own digest at the
    /// cursor's offset, nil where the origin has no flushed batch boundary there.
    ///
    /// A newer start of a region takes everything back that an earlier one said: cursors go down when a disk was lost.
    /// Within one start they only rise, so a lower one, like an earlier start's, is a message that came late by a relay.
    package mutating func onCursor(_ cursor: CursorReport.Cursor, chain: Digest128?) -> Outcome {
        guard mayCount(cursor) else { return .ignored }
        let region = cursor.region
        let known = holders[region]?.incarnation ?? cursor.incarnation
        guard known <= cursor.incarnation else { return .ignored }
        if holders[region]?.incarnation != cursor.incarnation {
            holders[region] = Holder(incarnation: cursor.incarnation)
        }
        return holders[region, default: Holder(incarnation: cursor.incarnation)].onCursor(
            cursor.point, first: cursor.held.lowerBound, chain: chain, limit: limits.logs)
    }

    /// A newer start of a region is heard: what an earlier one had flushed counts no more, also where the newer one has
    /// nothing to say of it. Returns the logs of which something counted, ascending: whoever was told has to be told that it
    /// does not any more.
    package mutating func onStart(of region: RegionNumber, _ incarnation: Incarnation) -> [LogIdentity] {
        guard region != origin, let known = holders[region], known.incarnation < incarnation else { return [] }
        holders[region] = Holder(incarnation: incarnation)
        return known.ends.keys.sorted()
    }

    /// Of an own log, by another region, within the bound on regions.
    private func mayCount(_ cursor: CursorReport.Cursor) -> Bool {
        cursor.point.log.name.region == origin && cursor.region != origin
            && (holders[cursor.region] != nil || holders.count < limits.regions)
    }

    /// A region has more of a log than the origin's own disk, which was replaced or rolled back.
    package mutating func onLongerCopy(_ cursor: CursorReport.Cursor) {
        guard mayCount(cursor), (holders[cursor.region]?.incarnation ?? cursor.incarnation) == cursor.incarnation
        else { return }
        holders[cursor.region, default: Holder(incarnation: cursor.incarnation)].onLongerCopy(
            of: cursor.point.log, limit: limits.logs)
    }

    /// What lies below a floor leaves (S1b).
    package mutating func drop(_ facts: LineageFacts) {
        holders = holders.mapValues { holder in
            var kept = holder
            kept.ends = holder.ends.filter { !facts.isBelowFloor($0.key) }
            kept.firsts = holder.firsts.filter { !facts.isBelowFloor($0.key) }
            kept.longer = holder.longer.filter { !facts.isBelowFloor($0) }
            return kept
        }
    }

    /// Whether some other region has more of a log than the origin had when it was told.
    package func isLongerElsewhere(_ log: LogIdentity) -> Bool { holders.values.contains { $0.longer.contains(log) } }

    /// Every cursor that counts, in the order of regions and logs.
    package var all: [(region: RegionNumber, log: LogIdentity, held: Range<Offset>)] {
        holders.sorted { $0.key < $1.key }.flatMap { region, holder in
            holder.ends.sorted { $0.key < $1.key }.map { log, end in
                (region, log, min(holder.firsts[log] ?? .zero, end)..<end)
            }
        }
    }

    /// How many distinct regions other than the origin have flushed everything below `offset`, from `first` on as bytes.
    package func regions(holding log: LogIdentity, from first: Offset = .zero, below offset: Offset) -> Int {
        holders.values.count { ($0.ends[log] ?? .zero) >= offset && ($0.firsts[log] ?? .zero) <= first }
    }

    package func offset(of region: RegionNumber, in log: LogIdentity) -> Offset? { holders[region]?.ends[log] }

    /// The farthest that any other region has flushed.
    package func farthest(in log: LogIdentity) -> Offset { holders.values.compactMap { $0.ends[log] }.max() ?? .zero }

    /// The lowest cursor of `members`, zero while one of them has none: nothing beyond it may be trimmed (S5).
    package func lowest(of members: [RegionNumber], in log: LogIdentity) -> Offset? {
        members.filter { $0 != origin }.map { holders[$0]?.ends[log] ?? .zero }.min()
    }
}
