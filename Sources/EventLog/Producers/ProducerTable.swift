// Which batches of idempotent producers a line holds: one origin's log of one partition, over all its incarnations. A
// producer numbers its batches 0, 1, 2… within an epoch and repeats one whose outcome it does not know under its number;
// the line takes each once, and answers a repetition with the place of the first.
//
// The table is a function of the headers in the order in which they were appended, and of nothing else: it is built again
// from the journal after a death, and every holder of the logs could build it.

package import ClusterModel

/// Bounds of what a line remembers of producers. Some 270 KiB a line at most.
package enum ProducerLimits {
    /// Producers of a line.
    package static let producers = 1_024
    /// The newest batches of each. A producer has at most so many unanswered at a time: of one that lies further back only
    /// its having been taken is known, and not its place.
    package static let window = 8
    /// A producer that has appended nothing for so long, by the stamps, may be forgotten to make room for another. Nobody
    /// repeats a batch after that; logs are not trimmed sooner either (S5).
    package static let horizon: Duration = .seconds(600)
}

/// Where a producer's batch stands.
package struct ProducerBatch: Hashable, Sendable {
    package var sequence: UInt32
    /// Records in it.
    package var count: UInt32
    package var incarnation: Incarnation
    package var base: Offset

    package init(sequence: UInt32, count: UInt32, incarnation: Incarnation, base: Offset) {
        self.sequence = sequence
        self.count = count
        self.incarnation = incarnation
        self.base = base
    }

    /// The offset after its last record: it is held for good once the log is flushed to there (S6).
    package var end: Offset { base.advanced(by: Int(count)) }
}

/// Why a producer's batch is not taken. None of these changes anything.
package enum ProducerRefusal: Error, Hashable, Sendable {
    /// A newer epoch of this producer has appended: whoever writes under an older one has been replaced, and stops.
    case fenced(current: UInt32)
    /// Batches before it are missing here: send `expected` first.
    case gap(expected: UInt32)
    /// It was taken, further back than `ProducerLimits.window`: its place is not known any more.
    case beyondWindow(oldest: UInt32)
    /// The number stands for another batch: numbers are never used twice within an epoch.
    case reused(ProducerBatch)
    /// The line knows nothing of this producer, or has forgotten it: begin a newer epoch at 0.
    case unknown
    /// `ProducerLimits.producers` have appended within the horizon: try again later.
    case tooManyProducers
}

/// The producers of one line. A value.
package struct ProducerTable: Hashable, Sendable {
    package struct Entry: Hashable, Sendable {
        package internal(set) var epoch: UInt32
        /// Of the last record that it appended.
        package internal(set) var lastStamp: HybridStamp
        /// The newest, oldest first, without a gap; never empty.
        package internal(set) var batches: [ProducerBatch]

        var last: ProducerBatch? { batches.last }
    }

    package enum Verdict: Hashable, Sendable {
        /// It goes on exactly where the producer stands.
        case next
        /// The line holds it there.
        case duplicate(ProducerBatch)
    }

    package internal(set) var entries: [UInt64: Entry] = [:]

    package init() {}

    /// Producers that it knows.
    package var count: Int { entries.count }

    /// Whether a batch of `count` records that is stamped `stamp` is to be appended. Complexity: O(1), O(producers) for a
    /// new producer where the table is full.
    package func verdict(
        on producer: BatchHeader.Producer, count: UInt32, at stamp: HybridStamp
    ) throws(ProducerRefusal) -> Verdict {
        guard let entry = entries[producer.id], let last = entry.last else {
            guard producer.sequence == 0, producer.id != 0 else { throw .unknown }
            guard entries.count < ProducerLimits.producers || canForget(at: stamp) else { throw .tooManyProducers }
            return .next
        }
        guard producer.epoch >= entry.epoch else { throw .fenced(current: entry.epoch) }
        guard producer.epoch == entry.epoch else {
            guard producer.sequence == 0 else { throw .gap(expected: 0) }
            return .next
        }
        let (expected, isExhausted) = last.sequence.addingReportingOverflow(1)
        if producer.sequence == expected, !isExhausted { return .next }
        guard producer.sequence <= last.sequence else { throw .gap(expected: expected) }
        guard let held = entry.batches.first(where: { $0.sequence == producer.sequence }) else {
            throw .beyondWindow(oldest: entry.batches[0].sequence)
        }
        guard held.count == count else { throw .reused(held) }
        return .duplicate(held)
    }

    private func canForget(at stamp: HybridStamp) -> Bool {
        guard let oldest = oldest() else { return true }
        return oldest.entry.lastStamp.wallTime.advanced(by: ProducerLimits.horizon) < stamp.wallTime
    }

    private func oldest() -> (id: UInt64, entry: Entry)? {
        entries.min { ($0.value.lastStamp, $0.key) < ($1.value.lastStamp, $1.key) }.map { ($0.key, $0.value) }
    }

    /// Takes a batch that was appended, whoever decided on it. What is older than what is known says nothing new.
    package mutating func note(_ header: BatchHeader) {
        let producer = header.producer
        guard producer.id != 0 else { return }
        let batch = ProducerBatch(
            sequence: producer.sequence, count: header.count, incarnation: header.log.incarnation,
            base: header.baseOffset)
        guard var entry = entries[producer.id], let last = entry.last else {
            if entries.count >= ProducerLimits.producers, let oldest = oldest() { entries[oldest.id] = nil }
            entries[producer.id] = Entry(epoch: producer.epoch, lastStamp: header.lastStamp, batches: [batch])
            return
        }
        guard (producer.epoch, producer.sequence) > (entry.epoch, last.sequence) else { return }
        // A gap: what lies between stood on bytes that were lost, and is not known to stand anywhere.
        let goesOn = producer.epoch == entry.epoch && producer.sequence - last.sequence == 1
        entry.batches = goesOn ? entry.batches.suffix(ProducerLimits.window - 1) + [batch] : [batch]
        entry.epoch = producer.epoch
        entry.lastStamp = max(entry.lastStamp, header.lastStamp)
        entries[producer.id] = entry
    }
}
