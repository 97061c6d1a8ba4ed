// Sealing of records into a batch, and verification of batches from disk and peers.

package import ClusterModel

extension EncodedBatch {
    /// Seals records that follow each other in `log`, from `baseOffset` on. Compresses where it pays.
    /// Throws `.tooLarge` for none or too many. Complexity: O(bytes): one copy, CRC32C, SHA-256.
    package init(
        sealing records: [EventRecord], of log: LogIdentity, epoch: Epoch, baseOffset: Offset,
        previousDigest: Digest128, producer: BatchHeader.Producer = .none, compressing: Bool = true
    ) throws(BatchError) {
        guard let first = records.first, let last = records.last, records.count <= BatchHeader.maxRecords else {
            throw .tooLarge
        }
        var body = ByteWriter(reservingCapacity: records.reduce(0) { $0 + $1.encodedLength })
        for record in records { record.encode(into: &body) }
        guard body.count <= BatchHeader.maxBodyLength else { throw .tooLarge }
        let compressed = compressing ? LZ4Block.compress(body.bytes) : nil
        let stored = compressed ?? body.bytes
        let header = BatchHeader(
            codec: compressed == nil ? .none : .lz4, bodyCRC: CRC32C.checksum(stored), log: log, epoch: epoch,
            baseOffset: baseOffset, count: UInt32(records.count), bodyLength: UInt32(stored.count),
            rawLength: UInt32(body.count), firstStamp: first.stamp, lastStamp: last.stamp, producer: producer,
            previousDigest: previousDigest)
        var writer = ByteWriter(reservingCapacity: BatchHeader.length + stored.count)
        header.encode(into: &writer)
        writer.write(raw: stored)
        self.init(header: header, bytes: writer.bytes, chainDigest: SHA256.hash(writer.bytes).prefix128)
    }

    /// Checks outside bytes as one whole batch: header, lengths, body checksum. Records are checked when they are read.
    package init(verifying bytes: [UInt8]) throws(BatchError) {
        let header = try BatchHeader(decoding: bytes)
        guard bytes.count == BatchHeader.length + Int(header.bodyLength) else { throw .truncated(bytes.count) }
        guard bytes.checksum(of: BatchHeader.length..<bytes.count) == header.bodyCRC else { throw .badBodyCRC }
        self.init(header: header, bytes: bytes, chainDigest: SHA256.hash(bytes).prefix128)
    }

    /// The records, in offset order. Throws where they are not what the header announces: count, lengths, and stamps
    /// that never decrease from the first to the last.
    package func records() throws(BatchError) -> [EventRecord] {
        let body = bytes[BatchHeader.length...]
        let raw =
            switch header.codec {
            case .none: Array(body)
            case .lz4: try LZ4Block.decompress(body, rawLength: Int(header.rawLength))
            }
        var reader = ByteReader(raw)
        var records: [EventRecord] = []
        records.reserveCapacity(Int(header.count))
        do {
            for _ in 0..<header.count { records.append(try EventRecord(from: &reader)) }
            try reader.expectEnd()
        } catch {
            throw .malformedRecords("\(error)")
        }
        guard records.first?.stamp == header.firstStamp, records.last?.stamp == header.lastStamp,
            zip(records, records.dropFirst()).allSatisfy({ $0.stamp <= $1.stamp })
        else { throw .malformedRecords("stamps are not in order") }
        return records
    }

    /// Whether this batch is the next of a log that ends at `end` with `digest` (S1, S8).
    package func extends(_ log: LogIdentity, end: Offset, digest: Digest128) -> Bool {
        header.log == log && header.baseOffset == end && header.previousDigest == digest
    }
}
