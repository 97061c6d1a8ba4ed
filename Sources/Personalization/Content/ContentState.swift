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

    /// Items are no sums: a catalogue keeps no ids.
    package mutating func forget(members: [RegionNumber], bounds: TimeBounds) {}

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
