// The canonical bytes of a user's state: what digests hash (S10) and snapshots keep. Little-endian, LEB128 counts.
//
// | part        | bytes                                                                                             |
// |-------------|---------------------------------------------------------------------------------------------------|
// | registers   | presence bits u8 (1 language, 2 country, 4 device, 8 age), then for each: order, value            |
// | actions     | count, then order, content u64, category u16, kind u8; newest first                               |
// | seen        | count, then order, content u64; newest first                                                      |
// | categories  | count, then key u16, sums; ascending                                                              |
// | languages   | count, then key text, sums; ascending                                                             |
// | consent     | the newest grant: 0 or 1 u8, id; withdrawals, cancelled: each a count and ids; ascending          |
// | markers     | snapshots only: 0 or 1 u8, cut u64                                                                |
//
// order = id time u64, id client u64, body digest u64. sums = count, then bucket index u64, sum i64; in snapshots the
// newest bucket u64 stands before the count.

package import ClusterModel
import MergeableState

/// What an encoding is for.
package enum StateEncoding: Hashable, Sendable {
    /// Without markers and bookkeeping: equal states, equal bytes.
    case digest
    /// With everything that a restore needs.
    case snapshot
}

extension UserState {
    package func encode(into writer: inout ByteWriter, for purpose: StateEncoding) {
        let present = [language.order, country.order, deviceModel.order, maxAgeRating.order]
        writer.write(present.enumerated().reduce(UInt8(0)) { $1.element == nil ? $0 : $0 | 1 << UInt8($1.offset) })
        for register in [language, country, deviceModel] {
            if let order = register.order, let value = register.value {
                writer.write(order)
                writer.write(value)
            }
        }
        if let order = maxAgeRating.order, let value = maxAgeRating.value {
            writer.write(order)
            writer.write(value)
        }
        writer.writeVarint(UInt64(actions.entries.count))
        for entry in actions.entries {
            writer.write(entry.order)
            writer.write(entry.element.content.rawValue)
            writer.write(entry.element.category)
            writer.write(entry.element.kind.rawValue)
        }
        writer.writeVarint(UInt64(seen.entries.count))
        for entry in seen.entries {
            writer.write(entry.order)
            writer.write(entry.element.rawValue)
        }
        writer.write(categories, for: purpose) { $0.write($1) }
        writer.write(languages, for: purpose) { $0.write($1) }
        writer.write(UInt8(consent.grant == nil ? 0 : 1))
        if let grant = consent.grant { writer.write(grant) }
        for ids in [consent.withdrawals.ids, consent.cancelled.ids] { writer.write(ids) }
        guard purpose == .snapshot else { return }
        writer.write(UInt8(erasedUpTo == nil ? 0 : 1))
        if let erasedUpTo { writer.write(erasedUpTo.milliseconds) }
    }

    /// Reads what `encode(for: .snapshot)` wrote. Refuses everything else.
    package init(from reader: inout ByteReader) throws(ByteCodingError) {
        self.init()
        let present = try reader.read(UInt8.self)
        guard present < 16 else { throw ByteCodingError(.invalidValue(field: "registers"), at: reader.offset) }
        if present & 1 != 0 { try reader.readRegister(&language, limit: PersonalizationLimits.languageBytes) }
        if present & 2 != 0 { try reader.readRegister(&country, limit: PersonalizationLimits.countryBytes) }
        if present & 4 != 0 { try reader.readRegister(&deviceModel, limit: PersonalizationLimits.deviceModelBytes) }
        if present & 8 != 0 {
            let order = try reader.readOrder()
            maxAgeRating.write(try reader.read(), by: order)
        }
        for _ in 0..<(try reader.readCount(limit: StateLimits.actions)) {
            let order = try reader.readOrder()
            let content = ContentKey(rawValue: try reader.read())
            let category = try reader.read(UInt16.self)
            guard let kind = InteractionKind(rawValue: try reader.read()) else {
                throw ByteCodingError(.invalidValue(field: "interaction kind"), at: reader.offset)
            }
            actions.insert(Action(content: content, category: category, kind: kind), by: order)
        }
        for _ in 0..<(try reader.readCount(limit: StateLimits.seen)) {
            let order = try reader.readOrder()
            seen.insert(ContentKey(rawValue: try reader.read()), by: order)
        }
        categories = try reader.readSums { reader throws(ByteCodingError) in try reader.read(UInt16.self) }
        languages = try reader.readSums { reader throws(ByteCodingError) in
            try reader.readString(limit: PersonalizationLimits.languageBytes)
        }
        let grant = try reader.readCount(limit: 1) == 1 ? try reader.readID() : nil
        consent = ConsentState(grant: grant, withdrawals: try reader.readIDs(), cancelled: try reader.readIDs())
        if try reader.readCount(limit: 1) == 1 { erasedUpTo = WallTime(milliseconds: try reader.read()) }
    }
}

extension ByteWriter {
    fileprivate mutating func write(_ order: MergeOrder) {
        write(order.id)
        write(order.bodyDigest)
    }

    fileprivate mutating func write(_ ids: [EventID]) {
        writeVarint(UInt64(ids.count))
        for id in ids { write(id) }
    }

    fileprivate mutating func write(_ id: EventID) {
        write(id.time)
        write(id.client)
    }

    fileprivate mutating func write<Key>(
        _ sums: SumsByKey<Key>, for purpose: StateEncoding, key: (inout ByteWriter, Key) -> Void
    ) {
        let entries = purpose == .snapshot ? sums.entries : sums.visibleEntries
        writeVarint(UInt64(entries.count))
        for entry in entries {
            key(&self, entry.key)
            if purpose == .snapshot { write(entry.sums.newest) }
            writeVarint(UInt64(entry.sums.buckets.count))
            for bucket in entry.sums.buckets {
                write(bucket.index)
                write(bucket.sum)
            }
        }
    }
}

extension ByteReader {
    fileprivate mutating func readOrder() throws(ByteCodingError) -> MergeOrder {
        let id = try readID()
        return MergeOrder(id: id, bodyDigest: try read())
    }

    fileprivate mutating func readID() throws(ByteCodingError) -> EventID {
        let time = try read(UInt64.self)
        return EventID(time: time, client: try read())
    }

    fileprivate mutating func readCount(limit: Int) throws(ByteCodingError) -> Int {
        let start = offset
        let count = try readVarint()
        guard count <= UInt64(limit) else {
            throw ByteCodingError(.tooLong(length: count, limit: limit), at: start)
        }
        return Int(count)
    }

    fileprivate mutating func readRegister(
        _ register: inout LastWriterRegister<String>, limit: Int
    ) throws(ByteCodingError) {
        let order = try readOrder()
        register.write(try readString(limit: limit), by: order)
    }

    fileprivate mutating func readIDs() throws(ByteCodingError) -> [EventID] {
        var ids: [EventID] = []
        for _ in 0..<(try readCount(limit: ConsentState.maxKnown)) { ids.append(try readID()) }
        return ids
    }

    fileprivate mutating func readSums<Key>(
        key: (inout ByteReader) throws(ByteCodingError) -> Key
    ) throws(ByteCodingError) -> SumsByKey<Key> {
        var result = SumsByKey<Key>()
        for _ in 0..<(try readCount(limit: 1 << 16)) {
            let key = try key(&self)
            let newest = try read(UInt64.self)
            var buckets: [BucketedSums.Bucket] = []
            for _ in 0..<(try readCount(limit: StateLimits.interestBuckets)) {
                let index = try read(UInt64.self)
                buckets.append(BucketedSums.Bucket(index: index, sum: try read()))
            }
            guard
                let sums = BucketedSums(
                    width: StateLimits.interestBucket, limit: StateLimits.interestBuckets, buckets: buckets,
                    newest: newest), result.entries.last.map({ $0.key < key }) ?? true
            else { throw ByteCodingError(.invalidValue(field: "sums"), at: offset) }
            result.insert(restored: .init(key: key, sums: sums))
        }
        return result
    }
}
