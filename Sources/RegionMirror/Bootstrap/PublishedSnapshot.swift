// What a member offers to one that has to bootstrap (S5): a verified snapshot, and where each log goes on from it.
//
//   0   u8   kind (0 = a state)              8   u64  generation at its source
//   1   u8   zero                            16  u64  length in bytes
//   2   u16  topic                           24  u32  CRC32C of all bytes
//   4   u32  partition                       28  …    bases: count, then log 16 bytes, offset u64, digest 16 bytes, last
//                                                     stamp u64, epoch u64
//
// Numbers are little-endian, counts LEB128. Valid: zeros are zero, the kind is known, the length is not zero and within
// `MirrorLimits.snapshotBytes`, bases ascend strictly, are of the item's topic and partition, and are within `MirrorLimits.logs`.

package import ClusterModel
package import EventLog

/// What is fetched as one: the file's bytes are its owner's business, here they are counted and checked.
package struct SnapshotItem: Hashable, Comparable, Sendable {
    package enum Kind: UInt8, Hashable, Sendable {
        /// The state of a topic and partition, with its id index (S5).
        case state = 0
    }

    package var kind: Kind
    package var topic: TopicID
    package var partition: PartitionID

    package init(_ kind: Kind = .state, topic: TopicID, partition: PartitionID) {
        self.kind = kind
        self.topic = topic
        self.partition = partition
    }

    /// Whether the log is one of those that the item is folded from.
    package func concerns(_ log: LogName) -> Bool { log.topic == topic && log.partition == partition }

    package static func < (lhs: Self, rhs: Self) -> Bool {
        (lhs.kind.rawValue, lhs.topic, lhs.partition) < (rhs.kind.rawValue, rhs.topic, rhs.partition)
    }

    static let byteCount = 8

    func encode(into writer: inout ByteWriter) {
        writer.write(kind.rawValue)
        writer.write(UInt8(0))
        writer.write(topic.rawValue)
        writer.write(partition.rawValue)
    }

    init(from reader: inout ByteReader) throws(ByteCodingError) {
        let at = reader.offset
        guard let kind = Kind(rawValue: try reader.read()), try reader.read(UInt8.self) == 0 else {
            throw ByteCodingError(.invalidValue(field: "kind of snapshot"), at: at)
        }
        self.kind = kind
        topic = TopicID(try reader.read())
        partition = PartitionID(try reader.read())
    }
}

/// A value; equal ones are one file at one source.
package struct PublishedSnapshot: Hashable, Sendable {
    package var item: SnapshotItem
    /// Grows with each newer one of the item at one source.
    package var generation: UInt64
    package var length: UInt64
    /// CRC32C of the whole file.
    package var checksum: UInt32
    /// Ascending: where every log of the item goes on that the snapshot has records of.
    package var bases: [LogBase]

    package init(item: SnapshotItem, generation: UInt64, length: UInt64, checksum: UInt32, bases: [LogBase]) {
        self.item = item
        self.generation = generation
        self.length = length
        self.checksum = checksum
        self.bases = bases.sorted { $0.log < $1.log }
    }

    static let smallestByteCount = SnapshotItem.byteCount + 21
    private static let baseBytes = 56

    package func encode(into writer: inout ByteWriter) {
        item.encode(into: &writer)
        writer.write(generation)
        writer.write(length)
        writer.write(checksum)
        writer.writeVarint(UInt64(bases.count))
        for base in bases {
            writer.write(base.log)
            writer.write(base.offset.rawValue)
            writer.write(base.digest)
            writer.write(base.lastStamp.rawValue)
            writer.write(base.epoch.rawValue)
        }
    }

    package init(from reader: inout ByteReader, limits: MirrorLimits) throws(ByteCodingError) {
        item = try SnapshotItem(from: &reader)
        generation = try reader.read()
        let at = reader.offset
        length = try reader.read()
        guard length > 0, length <= limits.snapshotBytes else {
            throw ByteCodingError(.invalidValue(field: "length of snapshot"), at: at)
        }
        checksum = try reader.read()
        bases = []
        for _ in 0..<(try reader.readCount(limit: limits.logs, itemBytes: Self.baseBytes)) {
            let base = try Self.base(&reader)
            guard item.concerns(base.log.name), bases.last.map({ $0.log < base.log }) ?? true else {
                throw ByteCodingError(.invalidValue(field: "base of snapshot"), at: reader.offset)
            }
            bases.append(base)
        }
    }

    private static func base(_ reader: inout ByteReader) throws(ByteCodingError) -> LogBase {
        let log = try reader.readLogIdentity()
        let offset = Offset(try reader.read())
        let digest = try reader.readDigest()
        let stamp = HybridStamp(rawValue: try reader.read())
        return LogBase(log: log, offset: offset, digest: digest, lastStamp: stamp, epoch: Epoch(try reader.read()))
    }
}
