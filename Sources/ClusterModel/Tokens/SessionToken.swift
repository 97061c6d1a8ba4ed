// What a client has seen in one partition (S12): opaque to it, authenticated, at most 256 bytes.
//
// Payload inside the envelope (SealedToken): deployment hash u64, topic u16, partition u32, entry count u8 (at most 12),
// then per entry region u16, incarnation u64, next offset LEB128; little-endian, entries ascending, no two alike.

/// Positions that an answer has to have seen.
package struct SessionToken: Hashable, Sendable {
    package struct Entry: Hashable, Comparable, Sendable {
        package var region: RegionNumber
        package var incarnation: Incarnation
        package var next: Offset

        package init(region: RegionNumber, incarnation: Incarnation, next: Offset) {
            self.region = region
            self.incarnation = incarnation
            self.next = next
        }

        package static func < (lhs: Self, rhs: Self) -> Bool {
            (lhs.region, lhs.incarnation, lhs.next) < (rhs.region, rhs.incarnation, rhs.next)
        }
    }

    /// 12 entries of at most 20 bytes and the head exceed the envelope only with offsets above 2^56; sealing checks it.
    package static let maxEntries = 12

    package var deployment: UInt64
    package var topic: TopicID
    package var partition: PartitionID
    /// Ascending by region and incarnation, one each.
    package private(set) var entries: [Entry]

    /// Keeps the highest position where an incarnation stands twice.
    package init(deployment: UInt64, topic: TopicID, partition: PartitionID, entries: some Sequence<Entry>) {
        self.deployment = deployment
        self.topic = topic
        self.partition = partition
        self.entries = []
        for entry in entries.sorted() {
            if let last = self.entries.last, last.region == entry.region, last.incarnation == entry.incarnation {
                self.entries.removeLast()
            }
            self.entries.append(entry)
        }
    }

    /// The 64 bits that stand for a deployment's id in tokens.
    package static func deploymentHash(of id: String) -> UInt64 { SHA256.hash(utf8: id).words.0 }

    /// Throws `.malformed` when there are more entries than a token has room for.
    package func sealed(with keyring: TokenKeyring) throws(TokenError) -> [UInt8] {
        guard entries.count <= Self.maxEntries else { throw .malformed("\(entries.count) entries") }
        let sealed = SealedToken.seal(.session, with: keyring, capacity: 15 + 20 * entries.count) { writer in
            writer.write(deployment)
            writer.write(topic.rawValue)
            writer.write(partition.rawValue)
            writer.write(UInt8(entries.count))
            for entry in entries {
                writer.write(entry.region.rawValue)
                writer.write(entry.incarnation.rawValue)
                writer.writeVarint(entry.next.rawValue)
            }
        }
        guard let bytes = sealed else {
            throw .malformed("longer than \(SealedToken.maxBytes) bytes")
        }
        return bytes
    }

    /// Verifies, then compares with where it is used: a token of elsewhere is refused, never ignored.
    package init(
        opening bytes: [UInt8], with keyring: TokenKeyring, deployment: UInt64, topic: TopicID, partition: PartitionID
    ) throws(TokenError) {
        var reader = try SealedToken.open(.session, bytes, with: keyring)
        let token = try SealedToken.reading { () throws(ByteCodingError) in try Self.read(&reader) }
        guard token.deployment == deployment else { throw .foreignDeployment }
        guard token.topic == topic, token.partition == partition else { throw .foreignPartition }
        self = token
    }

    private static func read(_ reader: inout ByteReader) throws(ByteCodingError) -> SessionToken {
        let deployment = try reader.read(UInt64.self)
        let topic = TopicID(try reader.read())
        let partition = PartitionID(try reader.read())
        let count = Int(try reader.read(UInt8.self))
        guard count <= maxEntries else { throw ByteCodingError(.invalidValue(field: "entries"), at: reader.offset) }
        var entries: [Entry] = []
        for _ in 0..<count {
            let entry = Entry(
                region: RegionNumber(try reader.read()), incarnation: Incarnation(try reader.read()),
                next: Offset(try reader.readVarint()))
            if let last = entries.last, (last.region, last.incarnation) >= (entry.region, entry.incarnation) {
                throw ByteCodingError(.invalidValue(field: "entry order"), at: reader.offset)
            }
            entries.append(entry)
        }
        try reader.expectEnd()
        return SessionToken(deployment: deployment, topic: topic, partition: partition, entries: entries)
    }
}
