// What the journal holds of each log: ends, digests and a sparse index.

import ClusterModel
import EventLog

/// Where a batch's group stands in the journal.
struct JournalPlace: Hashable, Sendable {
    var generation: UInt64
    var position: UInt64
}

/// All logs of a journal, as far as they are flushed. A value: the owner guards it.
struct LogTable: Sendable {
    struct Entry: Sendable {
        var end: Offset = .zero
        var digest: Digest128 = .zero
        var lastStamp: HybridStamp = .zero
        var epoch = Epoch(0)
        /// (first offset, place of its group), a `JournalLimits.indexInterval` apart.
        var index: [(base: Offset, place: JournalPlace)] = []
    }

    enum Outcome: Hashable, Sendable {
        case extended
        /// Held already, byte for byte as far as offsets tell: a copy written again after an unclean stop.
        case known
        /// A gap, or another chain.
        case doesNotExtend
    }

    private var entries: [LogIdentity: Entry] = [:]

    /// Logs in order.
    var logs: [LogIdentity] { entries.keys.sorted() }

    subscript(_ log: LogIdentity) -> Entry? { entries[log] }

    /// Takes a flushed batch.
    mutating func extend(with batch: EncodedBatch, at place: JournalPlace) -> Outcome {
        let log = batch.header.log
        var entry = entries[log] ?? Entry()
        if batch.endOffset <= entry.end { return .known }
        guard batch.extends(log, end: entry.end, digest: entry.digest) else { return .doesNotExtend }
        if entry.index.last.map({ $0.place.isFar(from: place) }) ?? true {
            entry.index.append((batch.header.baseOffset, place))
        }
        entry.end = batch.endOffset
        entry.digest = batch.chainDigest
        entry.lastStamp = batch.header.lastStamp
        entry.epoch = batch.header.epoch
        entries[log] = entry
        return .extended
    }

    /// Where to begin to look for `offset`. Complexity: O(log index).
    func place(of offset: Offset, in log: LogIdentity) -> JournalPlace? {
        guard let index = entries[log]?.index, !index.isEmpty else { return nil }
        var (low, high) = (0, index.count)
        while low + 1 < high {
            let middle = (low + high) / 2
            if index[middle].base <= offset { low = middle } else { high = middle }
        }
        return index[low].place
    }

    var summaries: [LogSummary] {
        logs.compactMap { log in
            entries[log].map { entry in
                LogSummary(
                    log: log, base: .zero, baseDigest: .zero, flushedEnd: entry.end, endDigest: entry.digest,
                    lastStamp: entry.lastStamp, epoch: entry.epoch)
            }
        }
    }
}

extension JournalPlace {
    fileprivate func isFar(from other: JournalPlace) -> Bool {
        generation != other.generation || other.position - position >= JournalLimits.indexInterval
    }
}
