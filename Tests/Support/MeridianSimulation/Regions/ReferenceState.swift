// What the regions' state must be, computed without their machinery: each acknowledged event once, in the order of ids.

import ClusterModel
import EventLog
import MergeableState
import Personalization

/// Folds the union of all logs, cut at the agreed ends, with a set of everything ever seen in place of the id index: no
/// lines, no forgetting, no snapshots (S5).
struct ReferenceState {
    private var events: [MergeOrder: UserEvent] = [:]
    /// Copies that the set took away.
    private(set) var copies = 0

    /// Throws where a record does not parse.
    mutating func add(_ record: EventRecord) throws {
        guard UserEvent.kinds.contains(record.kind) else { return }
        let event = try UserEvent(record)
        let key = MergeOrder(id: record.id, bodyDigest: record.bodyDigest)
        if events.updateValue(event, forKey: key) != nil { copies += 1 }
    }

    /// By partition (S10).
    func digests(of partitions: PartitionCount) -> [PartitionID: Digest128] {
        var users: [UserKey: UserState] = [:]
        var popularity: [PartitionID: PopularityPartial] = [:]
        for (key, event) in events.sorted(by: { $0.key < $1.key }) {
            if case .served = event { continue }
            users[event.user, default: UserState()].apply(event, by: key, isNew: true)
            guard case .interaction(let interaction) = event else { continue }
            popularity[event.user.partition(of: partitions), default: PopularityPartial()].add(
                interaction.kind, of: ContentKey(contentID: interaction.contentID), at: key.id.wallTime)
        }
        var digests: [PartitionID: Digest128] = [:]
        for partition in partitions.all {
            digests[partition] = popularity[partition].map { StateDigest.share(of: $0) } ?? .zero
        }
        for (user, state) in users {
            let partition = user.partition(of: partitions)
            digests[partition] = (digests[partition] ?? .zero) &+ StateDigest.share(of: user, state)
        }
        return digests
    }

    var uniqueEvents: Int { events.count }
}
