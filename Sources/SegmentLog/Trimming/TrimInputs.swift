// What a node knows that bounds trimming: floors that nothing overrides, pins with a bound, and retention (S5, S8).

package import ClusterModel

/// Up to where one log may go. Hard: neither retention nor a full disk overrides it.
package struct TrimFloor: Hashable, Sendable {
    /// What both kept snapshots of the partition cover, each read back and verified; `Offset(.max)` for a log that is folded
    /// to its agreed end.
    package var snapshot: Offset
    /// The lowest flushed cursor of any member (S5); `Offset(.max)` without other members, or where all reached its agreed end.
    package var members: Offset
    /// Whose cursor that is.
    package var slowest: RegionNumber?
    /// Ids that were admitted under stamps below this may be forgotten: every member's time is past them by F + R + 2D
    /// (S4, S5). The zero stamp while some member has no time.
    package var forgettable: HybridStamp

    package init(snapshot: Offset, members: Offset, slowest: RegionNumber? = nil, forgettable: HybridStamp) {
        self.snapshot = snapshot
        self.members = members
        self.slowest = slowest
        self.forgettable = forgettable
    }

    /// Nothing but retention and pins holds the log.
    package static let open = TrimFloor(
        snapshot: Offset(.max), members: Offset(.max), forgettable: HybridStamp(rawValue: .max))
}

/// A reader that is behind: it keeps what it has not read, up to `TrimInputs.pinMaxBytes`.
package struct TrimPin: Hashable, Sendable {
    /// For people: a consumer group, an audit.
    package var name: String
    /// The next offset it needs of each log; logs that are not here are not pinned.
    package var next: [LogIdentity: Offset]

    package init(name: String, next: [LogIdentity: Offset]) {
        self.name = name
        self.next = next
    }
}

/// All that one round of trimming is told.
package struct TrimInputs: Hashable, Sendable {
    /// A log without a floor is of a kind that this node does not fold: it stays.
    package var floors: [LogIdentity: TrimFloor]
    package var pins: [TrimPin]
    package var now: WallTime
    /// A segment is kept until its newest record is this old, or the journal is above `retentionBytes`.
    package var retention: Duration
    package var retentionBytes: UInt64
    /// A pin holds while the journal is not above this.
    package var pinMaxBytes: UInt64

    package init(
        floors: [LogIdentity: TrimFloor], pins: [TrimPin] = [], now: WallTime, retention: Duration,
        retentionBytes: UInt64, pinMaxBytes: UInt64
    ) {
        self.floors = floors
        self.pins = pins
        self.now = now
        self.retention = retention
        self.retentionBytes = retentionBytes
        self.pinMaxBytes = pinMaxBytes
    }
}

/// Why the oldest segment stays.
package enum TrimHold: Hashable, Sendable, CustomStringConvertible {
    /// It is neither old enough nor is the journal too large: normal.
    case retention
    /// No state of this node folds the log.
    case notFolded(LogIdentity)
    /// Its records are in no pair of verified snapshots yet.
    case snapshot(LogIdentity)
    /// Its event ids may still be needed.
    case ids(LogIdentity)
    /// A member has not flushed it.
    case member(RegionNumber, LogIdentity)
    case pin(String)

    /// A word for metrics.
    package var reason: String {
        switch self {
        case .retention: "retention"
        case .notFolded: "not_folded"
        case .snapshot: "snapshot"
        case .ids: "ids"
        case .member: "member"
        case .pin: "pin"
        }
    }

    package static let reasons = ["retention", "not_folded", "snapshot", "ids", "member", "pin"]

    package var description: String {
        switch self {
        case .retention: "its retention is not over"
        case .notFolded(let log): "log \(log) is of no partition or topic that this node folds"
        case .snapshot(let log): "no two verified snapshots cover log \(log) so far"
        case .ids(let log): "some member's time is not far enough past the event ids of log \(log)"
        case .member(let region, let log): "region \(region.rawValue) has not flushed log \(log) so far"
        case .pin(let name): "\(name) has not read it"
        }
    }
}
