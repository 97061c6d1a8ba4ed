// The content that a node knows: the fold of every origin's content log.

package import ClusterModel
import EventLog
package import MergeableState

/// A last-writer-wins register per content id. A withdrawal is a write like any other and stays as a tombstone, so the
/// fold does not depend on the order of events nor on the bound: only the door asks `hasRoom` (S3).
package struct Catalogue: Sendable {
    /// The first 128 bits of SHA-256 of an id: ids are told apart by their bytes, never by Unicode's equivalence.
    private typealias Register = Digest128

    private struct Entry: Sendable {
        var order: MergeOrder
        /// The keyed hash of the entry's canonical encoding.
        var share: Digest128
        var row: UInt32
    }

    /// The version of this state, in its encoding.
    package static let version: UInt16 = 1

    /// Ids, withdrawn ones included, that the door lets in.
    package let limit: Int
    private var entries: [Register: Entry] = [:]
    private var index = CatalogueIndex()
    private var published: CatalogueSnapshot?
    /// Sum modulo 2^128 of the keyed hashes of all entries: equal for replicas that applied the same events, whatever the
    /// order. Zero for an empty catalogue.
    package private(set) var digest: Digest128 = .zero

    package init(limit: Int) { self.limit = max(1, limit) }

    /// Ids known, withdrawn ones included.
    package var count: Int { entries.count }

    /// Items that are not withdrawn, expired or not.
    package var liveCount: Int { index.ascending.count }

    /// Whether the door may let these in. Complexity: O(events).
    package func hasRoom(for events: [ContentEvent]) -> Bool {
        var unknown: Set<Register> = []
        for event in events {
            let register = Self.register(of: event.contentID)
            if entries[register] == nil { unknown.insert(register) }
        }
        return entries.count + unknown.count <= limit
    }

    /// Whether exactly this write stands: a retry of it changes nothing. Complexity: one SHA-256.
    package func stands(_ event: ContentEvent, by order: MergeOrder) -> Bool {
        entries[Self.register(of: event.contentID)]?.order == order
    }

    /// Whether the write won. Complexity: O(log n) and what `CatalogueIndex` says; O(n) bytes copied by the first one
    /// after a snapshot was taken.
    @discardableResult
    package mutating func apply(_ event: ContentEvent, by order: MergeOrder) -> Bool {
        let register = Self.register(of: event.contentID)
        let old = entries[register]
        if let old, old.order >= order { return false }
        // Dropped first: with it goes the second reference to the index, where nobody else holds the snapshot.
        published = nil
        let row: UInt32
        if let old {
            row = old.row
            index.replace(row, with: event)
        } else {
            row = index.append(event, key: ContentKey(rawValue: register.high))
        }
        let share = Self.share(of: event, order)
        entries[register] = Entry(order: order, share: share, row: row)
        digest = digest &- (old?.share ?? .zero) &+ share
        return true
    }

    /// The catalogue as of now, to be shared between threads. Complexity: O(1); one allocation after a change.
    package mutating func snapshot() -> CatalogueSnapshot {
        if let published { return published }
        let snapshot = CatalogueSnapshot(index, digest: digest, registers: entries.count)
        published = snapshot
        return snapshot
    }

    private static func register(of id: String) -> Register { SHA256.hash(utf8: id).prefix128 }

    /// The key separates this use of SHA-256 from every other one.
    private static func share(of event: ContentEvent, _ order: MergeOrder) -> Digest128 {
        var writer = ByteWriter(reservingCapacity: 256)
        writer.write(raw: digestKey)
        encode(event, order, into: &writer)
        return SHA256.hash(writer.bytes).prefix128
    }

    private static let digestKey = Array("meridian/catalogue-digest/1".utf8)
}

// MARK: Canonical encoding
//
// | bytes | field                                                                                       |
// |-------|---------------------------------------------------------------------------------------------|
// | 0-1   | version, u16: 1                                                                             |
// | 2-5   | number of entries, u32                                                                      |
// | 6-    | entries, ascending by SHA-256 of their id: id time u64, id client u64, LEB128 length, body  |
//
// The body is ContentEvent's. Valid: entries ascending, every body valid, nothing left over.

extension Catalogue {
    /// What snapshots hold. Equal catalogues have equal encodings. Complexity: O(n log n).
    package func encode(into writer: inout ByteWriter) {
        writer.write(Self.version)
        writer.write(UInt32(clamping: entries.count))
        for (_, entry) in entries.sorted(by: { $0.key < $1.key }) {
            Self.encode(index.event(at: Int(entry.row)), entry.order, into: &writer)
        }
    }

    /// Reads what `encode` wrote, up to its end; what follows in the reader is left. Restores even more entries than
    /// `limit`, which binds the door alone.
    package init(from reader: inout ByteReader, limit: Int) throws(ByteCodingError) {
        self.init(limit: limit)
        let start = reader.offset
        guard try reader.read(UInt16.self) == Self.version else {
            throw ByteCodingError(.invalidValue(field: "version of the catalogue"), at: start)
        }
        var last: Digest128?
        for _ in 0..<(try reader.read(UInt32.self)) {
            let place = reader.offset
            let time = try reader.read(UInt64.self)
            let id = EventID(time: time, client: try reader.read())
            let body = Array(try reader.readLengthPrefixed(limit: EventRecord.maxBodyLength))
            let event = try ContentEvent(body: body)
            let register = Self.register(of: event.contentID)
            if let last, last >= register {
                throw ByteCodingError(.invalidValue(field: "order of the catalogue"), at: place)
            }
            last = register
            apply(event, by: MergeOrder(id: id, bodyDigest: SHA256.hash(body).prefix128.high))
        }
    }

    private static func encode(_ event: ContentEvent, _ order: MergeOrder, into writer: inout ByteWriter) {
        writer.write(order.id.time)
        writer.write(order.id.client)
        writer.write(lengthPrefixed: event.body)
    }
}

extension ContentEvent {
    /// Nil for a withdrawal.
    package var item: ContentItem? {
        if case .publish(let item) = self { return item }
        return nil
    }
}
