// One record inside a batch.
//
// | bytes | field                                                                    |
// |-------|--------------------------------------------------------------------------|
// | 0-3   | length of what follows this field, u32; 28 + body                        |
// | 4-5   | kind, u16                                                                |
// | 6-7   | version of the body's encoding, u16                                      |
// | 8-15  | hybrid stamp, u64                                                        |
// | 16-23 | event id: time, u64 (zero for records that are not events)               |
// | 24-31 | event id: client, u64                                                    |
// | 32-   | body                                                                     |
//
// All integers are little-endian. A record is valid when its length is 28...limit and lies inside the batch.

package import ClusterModel

/// A record: what happened, when the writer stamped it, and which event it is.
package struct EventRecord: Hashable, Sendable {
    package var kind: RecordKind
    /// The version of `body`'s encoding, per kind, from 1.
    package var version: UInt16
    package var stamp: HybridStamp
    /// (0, 0) for the log's own records.
    package var id: EventID
    package var body: [UInt8]

    package init(kind: RecordKind, version: UInt16 = 1, stamp: HybridStamp, id: EventID, body: [UInt8]) {
        self.kind = kind
        self.version = version
        self.stamp = stamp
        self.id = id
        self.body = body
    }

    /// Bytes before the body, the length field included.
    package static let headerLength = 32
    /// The largest body: what one `Report` may carry, and room for its envelope.
    package static let maxBodyLength = 1 << 20

    package var encodedLength: Int { Self.headerLength + body.count }

    /// The id's half of the dedup key (S5): (id, 64-bit body digest).
    package var bodyDigest: UInt64 { SHA256.hash(body).prefix128.high }

    package func encode(into writer: inout ByteWriter) {
        writer.write(UInt32(Self.headerLength - 4 + body.count))
        writer.write(kind.rawValue)
        writer.write(version)
        writer.write(stamp.rawValue)
        writer.write(id.time)
        writer.write(id.client)
        writer.write(raw: body)
    }

    package init(from reader: inout ByteReader) throws(ByteCodingError) {
        let start = reader.offset
        let length = Int(try reader.read(UInt32.self))
        guard length >= Self.headerLength - 4 else {
            throw ByteCodingError(.invalidValue(field: "record length"), at: start)
        }
        let bodyLength = length - (Self.headerLength - 4)
        guard bodyLength <= Self.maxBodyLength else {
            throw ByteCodingError(.tooLong(length: UInt64(bodyLength), limit: Self.maxBodyLength), at: start)
        }
        kind = RecordKind(rawValue: try reader.read())
        version = try reader.read()
        stamp = HybridStamp(rawValue: try reader.read())
        let time = try reader.read(UInt64.self)
        id = EventID(time: time, client: try reader.read())
        body = Array(try reader.readBytes(bodyLength))
    }
}
