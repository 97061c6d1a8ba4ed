// The catalogue of a node with the progress of the content logs that it is folded from.

package import ClusterModel
package import EventLog

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

    /// Folds the next record of a content log.
    package mutating func fold(
        _ record: EventRecord, in region: RegionNumber, _ incarnation: Incarnation, at offset: Offset
    ) throws(ApplyError) {
        guard RecordKind.known.contains(record.kind) else { throw .unknownKind(record.kind) }
        do {
            try catalogue.apply(record)
        } catch {
            throw .malformed("\(error)")
        }
        try lines.onRecord(record, in: region, incarnation, at: offset)
    }
}
