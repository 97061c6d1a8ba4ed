// What trimming asks of the log table, and does to it.

import ClusterModel

extension LogTable {
    /// Where a log stands in the segments up to some generation.
    struct End: Hashable, Sendable {
        /// The offset at which it goes on behind them, or its end.
        var end: Offset
        /// Whether the last of these segments holds batches of it, as far as the index tells.
        var isInSegment: Bool
    }

    /// How one log is cut.
    enum Cut: Hashable, Sendable {
        /// All of it is in the segments that go.
        case whole(TrimmedPrefix.Base)
        /// It begins with the batch at `place`; the digest before it, where memory knows it.
        case before(Offset, place: JournalPlace, digest: Digest128?)
    }

    /// The ends of all logs with batches in segments up to `generation`. Complexity: O(logs x index).
    func ends(through generation: UInt64) -> [LogIdentity: End] {
        var ends: [LogIdentity: End] = [:]
        for log in logs {
            guard let entry = self[log], let first = entry.index.first, first.place.generation <= generation else {
                continue
            }
            let isIn = entry.index.contains { $0.place.generation == generation }
            ends[log] = End(end: entry.first(after: generation)?.base ?? entry.end, isInSegment: isIn)
        }
        return ends
    }

    /// Where trimmed logs begin.
    var bases: [LogIdentity: TrimmedPrefix.Base] {
        logs.reduce(into: [:]) { bases, log in
            guard let entry = self[log], entry.base > .zero else { return }
            bases[log] = TrimmedPrefix.Base(
                offset: entry.base, digest: entry.baseDigest, lastStamp: entry.lastStamp, epoch: entry.epoch)
        }
    }

    /// Of all logs that lose something with the segments up to `generation`.
    func cuts(through generation: UInt64) -> [LogIdentity: Cut] {
        var cuts: [LogIdentity: Cut] = [:]
        for log in logs {
            guard let entry = self[log], let first = entry.index.first, first.place.generation <= generation else {
                continue
            }
            if let next = entry.first(after: generation) {
                cuts[log] = .before(next.base, place: next.place, digest: chainDigest(of: log, at: next.base))
            } else {
                cuts[log] = .whole(
                    TrimmedPrefix.Base(
                        offset: entry.end, digest: entry.digest, lastStamp: entry.lastStamp, epoch: entry.epoch))
            }
        }
        return cuts
    }
}

extension LogTable.Entry {
    /// The first indexed batch behind a segment: each segment's first batch of a log is in the index.
    func first(after generation: UInt64) -> (base: Offset, place: JournalPlace)? {
        index.first { $0.place.generation > generation }
    }

    /// Nothing before the base is known any more; what is submitted goes on from there.
    mutating func adopt(_ base: TrimmedPrefix.Base) {
        guard end < base.offset else { return }
        self = LogTable.Entry()
        (self.base, baseDigest) = (base.offset, base.digest)
        (end, digest) = (base.offset, base.digest)
        (lastStamp, epoch) = (base.lastStamp, base.epoch)
    }

    /// Forgets what stands in segments below the first that is kept.
    mutating func trim(to base: TrimmedPrefix.Base, first generation: UInt64) {
        guard base.offset > self.base else { return }
        self.base = base.offset
        baseDigest = base.digest
        index.removeAll { $0.place.generation < generation }
        while let oldest = boundaries.first, oldest.end <= base.offset { boundaries.removeFirst() }
    }
}
