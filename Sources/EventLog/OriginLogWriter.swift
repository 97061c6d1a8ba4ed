// The single writer of one origin log inside one incarnation, as a value: it gives offsets and chains batches.

package import ClusterModel

/// Collects the records of one loop tick and seals them into a batch. Offsets are given at once and are dense; a record
/// that was appended is part of the next seal. No I/O, no clock: stamps come with the records.
package struct OriginLogWriter: Sendable {
    package let log: LogIdentity
    package let epoch: Epoch
    /// Where the next record goes.
    package private(set) var nextOffset: Offset
    /// The chain digest after the last sealed batch.
    package private(set) var chainDigest: Digest128
    private var pending: [EventRecord] = []
    private var pendingBytes = 0

    /// Continues a log that ends at `end` with `digest`; a new incarnation starts at zero with the zero digest.
    package init(log: LogIdentity, epoch: Epoch, end: Offset = .zero, digest: Digest128 = .zero) {
        self.log = log
        self.epoch = epoch
        nextOffset = end
        chainDigest = digest
    }

    package var hasPending: Bool { !pending.isEmpty }

    /// Whether a record of `bodyLength` still fits the open batch; when not, seal first.
    package func hasRoom(forBody bodyLength: Int) -> Bool {
        pending.count < BatchHeader.maxRecords
            && pendingBytes + EventRecord.headerLength + bodyLength <= BatchHeader.maxBodyLength
    }

    /// Takes a record and gives its offset. Throws `.tooLarge` when `hasRoom` is false for it.
    package mutating func append(_ record: EventRecord) throws(BatchError) -> Offset {
        guard record.content.count <= EventRecord.maxBodyLength, hasRoom(forBody: record.content.count) else {
            throw .tooLarge
        }
        pending.append(record)
        pendingBytes += record.encodedLength
        defer { nextOffset = nextOffset.advanced(by: 1) }
        return nextOffset
    }

    /// The batch of everything appended since the last seal; nil when there is nothing. `compressing`: by LZ4 where it
    /// pays.
    package mutating func seal(compressing: Bool = true) throws(BatchError) -> EncodedBatch? {
        guard !pending.isEmpty else { return nil }
        let base = Offset(nextOffset.rawValue - UInt64(pending.count))
        let batch = try EncodedBatch(
            sealing: pending, of: log, epoch: epoch, baseOffset: base, previousDigest: chainDigest,
            compressing: compressing)
        chainDigest = batch.chainDigest
        pending.removeAll(keepingCapacity: true)
        pendingBytes = 0
        return batch
    }

    /// `records` as a batch of `producer`, behind everything that is sealed. Nothing may be pending. Throws BatchError for none,
    /// too many or too large ones. Who calls it has asked whether the line holds them already.
    package mutating func seal(
        _ records: [EventRecord], of producer: BatchHeader.Producer, compressing: Bool = true
    ) throws(BatchError) -> EncodedBatch {
        guard pending.isEmpty else { throw .malformedRecords("\(pending.count) records wait to be sealed before") }
        let batch = try EncodedBatch(
            sealing: records, of: log, epoch: epoch, baseOffset: nextOffset, previousDigest: chainDigest,
            producer: producer, compressing: compressing)
        chainDigest = batch.chainDigest
        nextOffset = batch.endOffset
        return batch
    }
}
