// Encoding and checking of batch headers; the byte table stands in BatchHeader.swift.

package import ClusterModel

extension BatchHeader {
    /// Appends the 128 bytes, checksum included.
    package func encode(into writer: inout ByteWriter) {
        let start = writer.count
        writer.write(Self.magic)
        writer.write(UInt32(0))
        writer.write(Self.format)
        writer.write(codec.rawValue)
        writer.write(UInt16(0))
        writer.write(bodyCRC)
        writer.write(log)
        writer.write(epoch.rawValue)
        writer.write(baseOffset.rawValue)
        writer.write(count)
        writer.write(bodyLength)
        writer.write(rawLength)
        writer.write(UInt32(0))
        writer.write(firstStamp.rawValue)
        writer.write(lastStamp.rawValue)
        writer.write(producer.id)
        writer.write(producer.epoch)
        writer.write(producer.sequence)
        writer.write(previousDigest)
        writer.write(UInt64(0))
        writer.write(UInt64(0))
        writer.overwrite(writer.checksum(of: start + 8..<start + Self.length), at: start + 4)
    }

    /// Reads 128 bytes and checks them in the order of the validity rule. `bytes` may be longer. Allocates nothing.
    package init(decoding bytes: ArraySlice<UInt8>) throws(BatchError) {
        guard bytes.count >= Self.length else { throw .truncated(bytes.count) }
        var reader = ByteReader(bytes, in: 0..<Self.length)
        do {
            guard try reader.read(UInt32.self) == Self.magic else { throw BatchError.badMagic }
            let stored = try reader.read(UInt32.self)
            guard stored == bytes.checksum(of: 8..<Self.length) else { throw BatchError.badHeaderCRC }
            self = try Self.fields(&reader)
        } catch let error as BatchError {
            throw error
        } catch {
            throw .malformedHeader
        }
        try checkLengths()
    }

    private static func fields(_ reader: inout ByteReader) throws -> BatchHeader {
        let format = try reader.read(UInt8.self)
        guard format == Self.format else { throw BatchError.unsupportedFormat(format) }
        let codecNumber = try reader.read(UInt8.self)
        guard let codec = Codec(rawValue: codecNumber) else { throw BatchError.unsupportedCodec(codecNumber) }
        guard try reader.read(UInt16.self) == 0 else { throw BatchError.reservedNotZero }
        let bodyCRC = try reader.read(UInt32.self)
        let log = try reader.readLogIdentity()
        let epoch = Epoch(try reader.read())
        let baseOffset = Offset(try reader.read())
        let (count, bodyLength, rawLength) = (
            try reader.read(UInt32.self), try reader.read(UInt32.self), try reader.read(UInt32.self)
        )
        guard try reader.read(UInt32.self) == 0 else { throw BatchError.reservedNotZero }
        let (first, last) = (try reader.read(UInt64.self), try reader.read(UInt64.self))
        let producer = Producer(id: try reader.read(), epoch: try reader.read(), sequence: try reader.read())
        let previous = try reader.readDigest()
        guard try reader.read(UInt64.self) == 0, try reader.read(UInt64.self) == 0 else {
            throw BatchError.reservedNotZero
        }
        return BatchHeader(
            codec: codec, bodyCRC: bodyCRC, log: log, epoch: epoch, baseOffset: baseOffset, count: count,
            bodyLength: bodyLength, rawLength: rawLength, firstStamp: HybridStamp(rawValue: first),
            lastStamp: HybridStamp(rawValue: last), producer: producer, previousDigest: previous)
    }

    private func checkLengths() throws(BatchError) {
        guard count >= 1, count <= UInt32(Self.maxRecords) else { throw .countOutOfRange(count) }
        let longest = max(bodyLength, rawLength)
        guard longest <= UInt32(Self.maxBodyLength) else { throw .bodyTooLong(longest) }
        guard UInt64(rawLength) >= UInt64(count) * UInt64(EventRecord.headerLength) else { throw .malformedHeader }
        guard codec == .lz4 || bodyLength == rawLength else { throw .malformedHeader }
        guard baseOffset.rawValue <= UInt64.max - UInt64(count), firstStamp <= lastStamp else { throw .malformedHeader }
    }
}
