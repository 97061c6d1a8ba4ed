// Which regions have flushed what of this region's own logs (S11).

package import ClusterModel

/// Cursors of other regions, checked against the origin's chain. A value; its shell looks digests up in the engine.
package struct CursorTable: Sendable {
    package enum Outcome: Hashable, Sendable {
        case counted
        /// Another chain: not an ack, and what was known of that region and log is dropped (HISTORIES 16).
        case otherChain
        /// The origin's own cursor, or one region more than `limits.regions`.
        case ignored
    }

    private let origin: RegionNumber
    private let limits: MirrorLimits
    private var cursors: [LogIdentity: [RegionNumber: Offset]] = [:]
    private var regions: Set<RegionNumber> = []

    package init(origin: RegionNumber, limits: MirrorLimits = MirrorLimits()) {
        self.origin = origin
        self.limits = limits
    }

    /// A cursor that a region reported or that a relay forwarded as such. `chain` is the origin's own digest at the
    /// cursor's offset, nil where the origin has no flushed batch boundary there. A cursor may go down: a disk was lost.
    package mutating func onCursor(_ cursor: PullRequest.Cursor, chain: Digest128?) -> Outcome {
        let log = cursor.point.log
        guard log.name.region == origin, cursor.region != origin else { return .ignored }
        guard regions.contains(cursor.region) || regions.count < limits.regions else { return .ignored }
        guard cursors[log] != nil || cursors.count < limits.logs else { return .ignored }
        guard let chain, chain == cursor.point.digest else {
            cursors[log]?[cursor.region] = nil
            return .otherChain
        }
        regions.insert(cursor.region)
        cursors[log, default: [:]][cursor.region] = cursor.point.offset
        return .counted
    }

    /// How many distinct regions other than the origin have flushed everything below `offset`.
    package func regions(holding log: LogIdentity, below offset: Offset) -> Int {
        cursors[log]?.values.count { $0 >= offset } ?? 0
    }

    package func offset(of region: RegionNumber, in log: LogIdentity) -> Offset? { cursors[log]?[region] }

    /// The lowest cursor of `members`, zero while one of them has none: nothing beyond it may be trimmed (S5).
    package func lowest(of members: [RegionNumber], in log: LogIdentity) -> Offset? {
        members.filter { $0 != origin }.map { cursors[log]?[$0] ?? .zero }.min()
    }
}
