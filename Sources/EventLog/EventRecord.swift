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
    /// The body; maybe a part of its batch's bytes, which it keeps alive: decoding a record copies nothing.
    package let content: ArraySlice<UInt8>

    /// The same as an array: a copy where the record is a part of a batch.
    package var body: [UInt8] { Array(content) }

    package init(kind: RecordKind, version: UInt16 = 1, stamp: HybridStamp, id: EventID, body: [UInt8]) {
        self.kind = kind
        self.version = version
        self.stamp = stamp
        self.id = id
        content = body[...]
    }

    /// Bytes before the body, the length field included.
    package static let headerLength = 32
    /// The largest body: what one `Report` may carry, and room for its envelope.
    package static let maxBodyLength = 1 << 20

    package var encodedLength: Int { Self.headerLength + content.count }

    /// The id's half of the dedup key (S5): (id, 64-bit body digest).
    package var bodyDigest: UInt64 { SHA256.hash(content).prefix128.high }
}
