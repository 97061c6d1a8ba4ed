// From where on a restored node has to read its logs.

import ClusterModel
import Personalization

/// The lines of what was restored. Nil where everything is folded anew from the log by itself (S1a).
struct ReplicaStart: Sendable {
    let region: RegionNumber
    /// By partition number.
    let users: [OriginLines?]
    let catalogue: OriginLines?

    /// The first offset of a log of which folding it would change anything; `Offset(.max)` where none would.
    func next(of log: LogIdentity) -> Offset {
        let name = log.name
        switch name.topic {
        case .userEvents where Int(name.partition.rawValue) < users.count:
            return Self.next(of: log, in: users[Int(name.partition.rawValue)])
        case .content where name.partition == PartitionID(0): return Self.next(of: log, in: catalogue)
        // Nobody's here; an own log of no known kind is visited, and stops the start.
        default: return name.region == region ? .zero : Offset(.max)
        }
    }

    private static func next(of log: LogIdentity, in lines: OriginLines?) -> Offset {
        let (region, incarnation) = (log.name.region, log.incarnation)
        // What lies beyond an applied agreed end is quarantined.
        guard let lines, !lines.isSettled(region, incarnation) else { return Offset(.max) }
        return lines.next(in: region, incarnation)
    }
}
