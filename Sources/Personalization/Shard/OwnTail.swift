// What the own log took while a state is folded elsewhere: folded on top of it in the turn in which it takes the former's
// place (S5).

import ClusterModel
import EventLog

/// Records in the order of their offsets, without a gap. A value of the log's owner.
struct OwnTail: Sendable {
    /// Above it nothing is kept any more: the fold goes another round, and a new tail begins.
    static let maxRecords = 4_096

    /// Where it begins.
    let from: Offset
    private(set) var records: [(record: EventRecord, offset: Offset)] = []
    private(set) var hasOverflown = false

    init(from: Offset) { self.from = from }

    mutating func note(_ record: EventRecord, at offset: Offset) {
        guard !hasOverflown, records.count < Self.maxRecords else {
            hasOverflown = true
            return records = []
        }
        records.append((record, offset))
    }
}
