// The catalogue of a node with the progress of the content logs that it is folded from.

package import ClusterModel
package import EventLog
import MergeableState

/// Catalogue and lines over all origins' content logs: one fold for live writes, restarts and mirrors. A value.
package struct ContentState: LogFold {
    package internal(set) var catalogue: Catalogue
    package var lines = OriginLines()

    package init(limit: Int) { catalogue = Catalogue(limit: limit) }

    /// From a snapshot.
    init(catalogue: Catalogue, lines: OriginLines) {
        self.catalogue = catalogue
        self.lines = lines
    }

    /// Forgets withdrawals of ids that no older publication can bring back any more: none is admitted once every member's time
    /// is past the withdrawal's id by `TimeBounds.forgetAfter`, and all that were admitted before are applied here by then
    /// (S2, S4, S5). Complexity: O(members) while none can go.
    package mutating func forget(members: [RegionNumber], bounds: TimeBounds) {
        guard catalogue.tombstoneCount > 0, let time = lines.time(over: members) else { return }
        catalogue.forget(before: time.advanced(by: .zero - bounds.forgetAfter))
    }

    package static let eventKinds: Set<RecordKind> = [.content]

    package static func event(_ record: EventRecord) throws(ByteCodingError) -> ContentEvent {
        try ContentEvent(record)
    }

    package mutating func take(
        _ event: ContentEvent, of record: EventRecord, in region: RegionNumber, _ incarnation: Incarnation,
        at offset: Offset
    ) {
        catalogue.apply(event, by: MergeOrder(id: record.id, bodyDigest: record.bodyDigest))
    }
}
