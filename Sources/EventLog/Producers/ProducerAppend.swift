// Appending a producer's batch once.

import ClusterModel

/// What became of it. `batch` says where it stands: it is acknowledged once the log is flushed to its end (S6), the
/// repetition like the first.
package enum ProducerOutcome: Hashable, Sendable {
    case appended(ProducerBatch)
    case duplicate(ProducerBatch)
    case refused(ProducerRefusal)
}

extension EventLogEngine {
    /// Appends `records` as one batch of `producer`, unless the line holds it already, in whatever incarnation. What `writer`
    /// holds that is not sealed goes before it, as a batch of nobody's. The caller is the line's single writer, and `writer`
    /// its own. Throws EventLogError, or BatchError for records that are no batch: nothing of `records` is appended then, and
    /// `writer` goes on.
    package func append(
        _ records: [EventRecord], of producer: BatchHeader.Producer, with writer: inout OriginLogWriter
    ) throws -> ProducerOutcome {
        guard let first = records.first else { throw BatchError.tooLarge }
        let table = producers(of: writer.log.name)
        do throws(ProducerRefusal) {
            let verdict = try table.verdict(on: producer, count: UInt32(clamping: records.count), at: first.stamp)
            if case .duplicate(let held) = verdict { return .duplicate(held) }
        } catch {
            return .refused(error)
        }
        var next = writer
        if let batch = try next.seal() {
            try submit(batch)
            writer = next
        }
        let batch = try next.seal(records, of: producer)
        try submit(batch)
        writer = next
        return .appended(
            ProducerBatch(
                sequence: producer.sequence, count: batch.header.count, incarnation: writer.log.incarnation,
                base: batch.header.baseOffset))
    }
}
