// Where readings of logs stopped, so that the next ones go on there and not at an index entry before it.

import ClusterModel

/// The newest `limit` places a log: each of those who read it goes on from its own. A value: the owner guards it.
struct ReadPlaces: Sendable {
    private static let limit = 4

    private struct Entry {
        var next: Offset
        var place: JournalPlace
    }

    /// The newest last.
    private var byLog: [LogIdentity: [Entry]] = [:]

    /// No batch from `next` on stands before it.
    func place(of next: Offset, in log: LogIdentity) -> JournalPlace? {
        byLog[log]?.last { $0.next == next }?.place
    }

    /// Groups of this stretch were put together anew: whoever goes on in it begins at its beginning.
    mutating func widen(_ stretch: Range<UInt64>, in generation: UInt64) {
        byLog = byLog.mapValues { entries in
            entries.map { entry in
                guard entry.place.generation == generation, stretch.contains(entry.place.position) else { return entry }
                var entry = entry
                entry.place.position = stretch.lowerBound
                return entry
            }
        }
    }

    /// Nobody reads the log any more.
    mutating func drop(_ log: LogIdentity) { byLog[log] = nil }

    /// A reading from `start` on came to `next`. Complexity: O(1).
    mutating func onRead(_ log: LogIdentity, from start: Offset, to next: Offset, at place: JournalPlace) {
        forget(log, from: start)
        if byLog[log, default: []].count == Self.limit { byLog[log]?.removeFirst() }
        byLog[log, default: []].append(Entry(next: next, place: place))
    }

    /// What holds `start` could not be read: it is looked for from the index again.
    mutating func forget(_ log: LogIdentity, from start: Offset) { byLog[log]?.removeAll { $0.next == start } }
}
