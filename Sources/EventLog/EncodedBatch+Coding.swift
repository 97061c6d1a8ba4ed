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
        let rawLength = records.reduce(0) { $0 + $1.encodedLength }
        guard rawLength <= BatchHeader.maxBodyLength else { throw .tooLarge }
        // The header's place is left free and filled in last, so that no body is copied a second time.
        var stored = EventRecord.encode(records, length: rawLength, behind: BatchHeader.length)
        var codec = BatchHeader.Codec.none
        if compressing, let compressed = LZ4Block.compress(stored, behind: BatchHeader.length) {
            (stored, codec) = (compressed, .lz4)
        }
        let header = BatchHeader(
            codec: codec, bodyCRC: stored.checksum(of: BatchHeader.length..<stored.count), log: log, epoch: epoch,
            baseOffset: baseOffset, count: UInt32(records.count), bodyLength: UInt32(stored.count - BatchHeader.length),
            rawLength: UInt32(rawLength), firstStamp: first.stamp, lastStamp: last.stamp, producer: producer,
            previousDigest: previousDigest)
        var writer = ByteWriter(reservingCapacity: BatchHeader.length)
        header.encode(into: &writer)
        stored.replaceSubrange(0..<BatchHeader.length, with: writer.bytes)
        self.init(header: header, bytes: stored, chainDigest: SHA256.hash(stored).prefix128)
    }

    /// Checks outside bytes as one whole batch: header, lengths, body checksum. Records are checked when they are read.
    package init(verifying bytes: [UInt8]) throws(BatchError) {
        try self.init(verifying: bytes[...], digesting: true)
    }

    /// The same for a part of a larger buffer, without a copy. Without `digesting`, whoever wants the chain digest pays
    /// for it then: reading a journal needs one a log, and SHA-256 costs more than everything else together.
    package init(verifying content: ArraySlice<UInt8>, digesting: Bool) throws(BatchError) {
        let header = try BatchHeader(decoding: content)
        guard content.count == BatchHeader.length + Int(header.bodyLength) else { throw .truncated(content.count) }
        guard content.checksum(of: BatchHeader.length..<content.count) == header.bodyCRC else { throw .badBodyCRC }
        self.init(
            header: header, content: content, knownDigest: digesting ? SHA256.hash(content).prefix128 : nil)
    }

    /// The records, in offset order; their bodies are parts of the batch's bytes, or of the decompressed ones. Throws where
    /// they are not what the header announces: count, lengths, and stamps that never decrease from the first to the last.
    /// Complexity: O(records), and O(bytes) where they are compressed.
    package func records() throws(BatchError) -> [EventRecord] {
        let body = content[(content.startIndex + BatchHeader.length)...]
        let raw =
            switch header.codec {
            case .none: body
            case .lz4: try LZ4Block.decompress(body, rawLength: Int(header.rawLength))[...]
            }
        var records: [EventRecord] = []
        records.reserveCapacity(Int(header.count))
        var position = 0
        var stamp = header.firstStamp
        while position < raw.count {
            let record = try EventRecord(decoding: raw, at: &position)
            guard stamp <= record.stamp, records.count < Int(header.count) else {
                throw .malformedRecords("stamps are not in order, or records are left over")
            }
            stamp = record.stamp
            records.append(record)
        }
        guard records.count == Int(header.count) else {
            throw .malformedRecords("\(records.count) of \(header.count) are there")
        }
        guard records.first?.stamp == header.firstStamp, stamp == header.lastStamp else {
            throw .malformedRecords("stamps are not those of the header")
        }
        return records
    }

    /// Whether this batch is the next of a log that ends at `end` with `digest` (S1, S8).
    package func extends(_ log: LogIdentity, end: Offset, digest: Digest128) -> Bool {
        header.log == log && header.baseOffset == end && header.previousDigest == digest
    }
}
