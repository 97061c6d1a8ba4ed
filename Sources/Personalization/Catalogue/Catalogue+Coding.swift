// The canonical encoding of a catalogue.
//
// | bytes | field                                                                                           |
// |-------|-------------------------------------------------------------------------------------------------|
// | 0-1   | version, u16: 2                                                                                 |
// | 2-5   | number of items, u32                                                                            |
// | 6-    | items, ascending by SHA-256 of their id: id time u64, id client u64, LEB128 length, body        |
// |       | number of tombstones, u32                                                                       |
// |       | tombstones, ascending: first 16 bytes of SHA-256 of the content id, id time, id client, body    |
// |       | digest, u64 each                                                                                |
//
// The body is ContentEvent's, of a publication. Valid: both ascending, no id twice, every body valid. Equal catalogues have
// equal items; of the tombstones a replica has those that it has not forgotten yet.

package import ClusterModel
import EventLog
import MergeableState

extension Catalogue {
    /// What snapshots hold. Complexity: O(n log n).
    package func encode(into writer: inout ByteWriter) {
        writer.write(Self.version)
        let items = entries.sorted { $0.key < $1.key }.compactMap { _, entry in
            index.item(at: Int(entry.row)).map { (entry.order, $0) }
        }
        writer.write(UInt32(clamping: items.count))
        for (order, item) in items { Self.encode(.publish(item), order, into: &writer) }
        writer.write(UInt32(clamping: tombstones.count))
        for tombstone in tombstones.ascending {
            writer.write(tombstone.register)
            writer.write(tombstone.order.id.time)
            writer.write(tombstone.order.id.client)
            writer.write(tombstone.order.bodyDigest)
        }
    }

    /// Reads what `encode` wrote, up to its end; what follows in the reader is left. Restores even more than the bounds,
    /// which bind the door alone.
    package init(from reader: inout ByteReader, limit: Int) throws(ByteCodingError) {
        self.init(limit: limit)
        let start = reader.offset
        guard try reader.read(UInt16.self) == Self.version else {
            throw ByteCodingError(.invalidValue(field: "version of the catalogue"), at: start)
        }
        try readItems(from: &reader)
        try readTombstones(from: &reader)
    }

    private mutating func readItems(from reader: inout ByteReader) throws(ByteCodingError) {
        var last: Digest128?
        for _ in 0..<(try reader.read(UInt32.self)) {
            let place = reader.offset
            let time = try reader.read(UInt64.self)
            let id = EventID(time: time, client: try reader.read())
            let body = Array(try reader.readLengthPrefixed(limit: EventRecord.maxBodyLength))
            let event = try ContentEvent(body: body)
            guard event.item != nil else {
                throw ByteCodingError(.invalidValue(field: "item of the catalogue"), at: place)
            }
            let register = Self.register(of: event.contentID)
            try Self.check(register, after: &last, at: place)
            apply(event, by: MergeOrder(id: id, bodyDigest: SHA256.hash(body).prefix128.high))
        }
    }

    private mutating func readTombstones(from reader: inout ByteReader) throws(ByteCodingError) {
        var last: Digest128?
        for _ in 0..<(try reader.read(UInt32.self)) {
            let place = reader.offset
            let register = try reader.readDigest()
            try Self.check(register, after: &last, at: place)
            guard entries[register] == nil else {
                throw ByteCodingError(.invalidValue(field: "tombstone of an item"), at: place)
            }
            let time = try reader.read(UInt64.self)
            let id = EventID(time: time, client: try reader.read())
            restore(tombstone: register, by: MergeOrder(id: id, bodyDigest: try reader.read()))
        }
    }

    private static func check(
        _ register: Digest128, after last: inout Digest128?, at place: Int
    ) throws(ByteCodingError) {
        if let last, last >= register {
            throw ByteCodingError(.invalidValue(field: "order of the catalogue"), at: place)
        }
        last = register
    }

    static func encode(_ event: ContentEvent, _ order: MergeOrder, into writer: inout ByteWriter) {
        writer.write(order.id.time)
        writer.write(order.id.client)
        writer.write(lengthPrefixed: event.body)
    }
}
