// What the journal holds of each log: ends, digests and a sparse index.

import ClusterModel
import DequeModule
import EventLog

/// Where a batch's group stands in the journal.
struct JournalPlace: Hashable, Sendable {
    var generation: UInt64
    var position: UInt64
}

/// All logs of a journal, as far as they are flushed. A value: the owner guards it.
struct LogTable: Sendable {
    struct Entry: Sendable {
        /// The first offset that is still here, and the chain digest before it (S8).
        var base: Offset = .zero
        var baseDigest: Digest128 = .zero
        var end: Offset = .zero
        var digest: Digest128 = .zero
        var lastStamp: HybridStamp = .zero
        var epoch = Epoch(0)
        /// (first offset, place of its group), a `JournalLimits.indexInterval` apart.
        var index: [(base: Offset, place: JournalPlace)] = []
        /// Ends of the newest batches with the chain digests there, oldest first: what cursors are checked with (S11).
        var boundaries: Deque<(end: Offset, digest: Digest128)> = []
        /// During a scan by offsets the digest at `end` is what the next batch says, or what `settle` computes.
        private var isDigestKnown = true

        mutating func extend(with batch: EncodedBatch, at place: JournalPlace, _ check: ChainCheck) -> Outcome {
            if batch.endOffset <= end { return .known }
            if !isDigestKnown, batch.header.baseOffset == end { settle(batch.header.previousDigest) }
            guard batch.extends(batch.header.log, end: end, digest: digest) else { return .doesNotExtend }
            if index.last.map({ $0.place.isFar(from: place) }) ?? true {
                index.append((batch.header.baseOffset, place))
            }
            end = batch.endOffset
            isDigestKnown = check == .digests
            digest = isDigestKnown ? batch.chainDigest : .zero
            lastStamp = batch.header.lastStamp
            epoch = batch.header.epoch
            boundaries.append((end, digest))
            if boundaries.count > JournalLimits.boundaries { boundaries.removeFirst() }
            return .extended
        }

        /// The digest at `end` is known now.
        mutating func settle(_ digest: Digest128) {
            self.digest = digest
            isDigestKnown = true
            if let last = boundaries.indices.last { boundaries[last].digest = digest }
        }
    }

    /// How a batch shows that it goes on where its log ends.
    enum ChainCheck: Hashable, Sendable {
        /// By offset and by the digest of the batch before it, which is computed (S8).
        case digests
        /// By offset; the digest that it names is believed. `settle` completes the table.
        case offsets
    }

    enum Outcome: Hashable, Sendable {
        case extended
        /// Held already, byte for byte as far as offsets tell: a copy written again after an unclean stop.
        case known
        /// A gap, or another chain.
        case doesNotExtend
    }

    private var entries: [LogIdentity: Entry] = [:]
    /// Logs in order: pulls ask for them many times a second, and they change with starts only.
    private(set) var logs: [LogIdentity] = []
    /// The last segment in which a batch stands: those before it do not change any more.
    private(set) var newestGeneration: UInt64 = 0

    init(trimmed prefix: TrimmedPrefix? = nil) {
        for (log, base) in prefix?.bases ?? [:] {
            var entry = Entry()
            entry.adopt(base)
            entries[log] = entry
        }
        logs = entries.keys.sorted()
    }

    /// Batches taken, over all logs.
    private(set) var batches = 0

    /// As an index of it says.
    init(_ entries: [LogIdentity: Entry], batches: Int) {
        self.entries = entries
        self.batches = batches
        logs = entries.keys.sorted()
        newestGeneration = entries.values.compactMap { $0.index.last?.place.generation }.max() ?? 0
    }

    subscript(_ log: LogIdentity) -> Entry? { entries[log] }

    /// Zero for a log that is not here.
    func end(of log: LogIdentity) -> Offset { entries[log]?.end ?? .zero }

    /// Takes a flushed batch. In place: an entry's arrays are not copied.
    mutating func extend(
        with batch: EncodedBatch, at place: JournalPlace, _ check: ChainCheck = .digests
    ) -> Outcome {
        let log = batch.header.log
        newestGeneration = max(newestGeneration, place.generation)
        if entries[log] == nil {
            guard batch.extends(log, end: .zero, digest: .zero) else { return .doesNotExtend }
            enter(log)
        }
        let outcome = entries[log, default: Entry()].extend(with: batch, at: place, check)
        if outcome == .extended { batches = batches.adding(clamping: 1) }
        return outcome
    }

    /// A log that is not here, or ends before it, begins at `base` (S5).
    mutating func adopt(_ base: TrimmedPrefix.Base, of log: LogIdentity) {
        if entries[log] == nil { enter(log) }
        entries[log, default: Entry()].adopt(base)
    }

    /// A log that is new here takes its place among the others. Complexity: O(logs) for one that is not the last.
    private mutating func enter(_ log: LogIdentity) { logs.insert(log, at: place(of: log)) }

    /// The first place whose log is not before `log`. Complexity: O(log logs).
    private func place(of log: LogIdentity) -> Int {
        var (low, high) = (0, logs.count)
        while low < high {
            let middle = low + (high - low) / 2
            if logs[middle] < log { low = middle + 1 } else { high = middle }
        }
        return low
    }

    /// Groups of this stretch were put together anew: whoever looks for something in it begins at its beginning.
    mutating func widen(_ stretch: Range<UInt64>, in generation: UInt64) {
        for log in logs {
            for place in entries[log]?.index.indices ?? 0..<0 {
                guard let found = entries[log]?.index[place].place, found.generation == generation,
                    stretch.contains(found.position)
                else { continue }
                entries[log]?.index[place].place.position = stretch.lowerBound
            }
        }
    }

    /// Forgets a log.
    mutating func remove(_ log: LogIdentity) {
        guard entries.removeValue(forKey: log) != nil else { return }
        logs.remove(at: place(of: log))
    }

    /// Logs lose the prefixes that are gone; one that ends before its base goes on from there.
    mutating func trim(to prefix: TrimmedPrefix) {
        for (log, base) in prefix.bases {
            if let entry = entries[log], entry.end >= base.offset {
                entries[log]?.trim(to: base, first: prefix.firstGeneration)
            } else {
                adopt(base, of: log)
            }
        }
    }

    /// After a scan by offsets: the digest at the end of a log.
    mutating func settle(_ log: LogIdentity, endDigest: Digest128) { entries[log]?.settle(endDigest) }

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
        logs.compactMap { summary(of: $0) }
    }

    func summary(of log: LogIdentity) -> LogSummary? {
        entries[log].map { entry in
            LogSummary(
                log: log, base: entry.base, baseDigest: entry.baseDigest, flushedEnd: entry.end,
                endDigest: entry.digest,
                lastStamp: entry.lastStamp, epoch: entry.epoch)
        }
    }

    /// Complexity: O(log boundaries).
    func chainDigest(of log: LogIdentity, at offset: Offset) -> Digest128? {
        if offset == .zero { return .zero }
        guard let entry = entries[log] else { return nil }
        if offset == entry.base { return entry.baseDigest }
        let boundaries = entry.boundaries
        var (low, high) = (0, boundaries.count)
        while low < high {
            let middle = (low + high) / 2
            if boundaries[middle].end < offset { low = middle + 1 } else { high = middle }
        }
        guard low < boundaries.count, boundaries[low].end == offset else { return nil }
        return boundaries[low].digest
    }
}

extension JournalPlace {
    fileprivate func isFar(from other: JournalPlace) -> Bool {
        generation != other.generation
            || other.position.subtracting(clamping: position) >= JournalLimits.indexInterval
    }
}
