// The messages of `/meridian.mesh.v1.Snapshots`: which snapshots a member offers, and pieces of them (S5).
//
// List, request:                               List, reply:
//   0   u8   version (2)                         0   u8   version (1)
//   1   u8   zero                                1   u8   zero
//   2   u16  caller's region                     2   u16  source's region
//   4   u32  apply version                       4   u32  apply version
//   8   u64  deployment                          8   …    snapshots: count, PublishedSnapshot each
//   16  u64  caller's incarnation
//   24  …    items: count, SnapshotItem each
//
// Read, request:                               Read, reply:
//   0   u8   version (2)                         0   u8   version (1)
//   1   u8   zero                                1   u8   flags: 1 = gone, begin anew with another snapshot
//   2   u16  caller's region                     2   u16  zero
//   4   u32  most bytes to answer                4   u32  CRC32C of the bytes
//   8   u64  deployment                          8   u64  position of the first byte
//   16  u64  caller's incarnation                16  …    bytes, to the end of the message
//   24  …    SnapshotItem
//   32  u64  generation
//   40  u64  position
//
// A process that does not speak for its region is given nothing (S1).
//
// Numbers are little-endian, counts LEB128. Valid: all bytes are used, zeros are zero, counts are within `MirrorLimits`, and
// the bytes of a reply have its checksum.

package import ClusterModel

/// Asks what there is of some items.
package struct SnapshotListRequest: Hashable, Sendable {
    package static let path = "/meridian.mesh.v1.Snapshots/List"
    static let version: UInt8 = 2

    package var caller: RegionNumber
    package var applyVersion: UInt32
    package var deployment: UInt64
    /// Of the process that asks.
    package var incarnation: Incarnation
    package var items: [SnapshotItem]

    package init(
        caller: RegionNumber, applyVersion: UInt32, deployment: UInt64, incarnation: Incarnation, items: [SnapshotItem]
    ) {
        self.caller = caller
        self.applyVersion = applyVersion
        self.deployment = deployment
        self.incarnation = incarnation
        self.items = items
    }

    package var encoded: [UInt8] {
        var writer = ByteWriter(reservingCapacity: 32 + items.count * SnapshotItem.byteCount)
        writer.write(Self.version)
        writer.write(UInt8(0))
        writer.write(caller.rawValue)
        writer.write(applyVersion)
        writer.write(deployment)
        writer.write(incarnation.rawValue)
        writer.writeVarint(UInt64(items.count))
        for item in items { item.encode(into: &writer) }
        return writer.bytes
    }

    package init(decoding bytes: [UInt8], limits: MirrorLimits) throws(MirrorError) {
        self = try ByteReader.mirrorMessage(bytes, "snapshot list", version: Self.version) { reader, _ in
            var request = Self(
                caller: RegionNumber(try reader.read()), applyVersion: try reader.read(),
                deployment: try reader.read(), incarnation: Incarnation(try reader.read()), items: [])
            let count = try reader.readCount(limit: limits.snapshotsAtOnce, itemBytes: SnapshotItem.byteCount)
            for _ in 0..<count { request.items.append(try SnapshotItem(from: &reader)) }
            return request
        }
    }
}

/// The newest verified snapshot of each item of which there is one.
package struct SnapshotListReply: Hashable, Sendable {
    static let version: UInt8 = 1

    package var source: RegionNumber
    package var applyVersion: UInt32
    package var snapshots: [PublishedSnapshot]

    package init(source: RegionNumber, applyVersion: UInt32, snapshots: [PublishedSnapshot]) {
        self.source = source
        self.applyVersion = applyVersion
        self.snapshots = snapshots
    }

    package var encoded: [UInt8] {
        var writer = ByteWriter()
        writer.write(Self.version)
        writer.write(UInt8(0))
        writer.write(source.rawValue)
        writer.write(applyVersion)
        writer.writeVarint(UInt64(snapshots.count))
        for snapshot in snapshots { snapshot.encode(into: &writer) }
        return writer.bytes
    }

    package init(decoding bytes: [UInt8], limits: MirrorLimits) throws(MirrorError) {
        self = try ByteReader.mirrorMessage(bytes, "snapshots", version: Self.version) { reader, _ in
            var reply = Self(
                source: RegionNumber(try reader.read()), applyVersion: try reader.read(), snapshots: [])
            let count = try reader.readCount(
                limit: limits.snapshotsAtOnce, itemBytes: PublishedSnapshot.smallestByteCount)
            for _ in 0..<count { reply.snapshots.append(try PublishedSnapshot(from: &reader, limits: limits)) }
            return reply
        }
    }
}

/// Asks for a piece of one snapshot.
package struct SnapshotReadRequest: Hashable, Sendable {
    package static let path = "/meridian.mesh.v1.Snapshots/Read"
    static let version: UInt8 = 2

    package var caller: RegionNumber
    package var deployment: UInt64
    /// Of the process that asks.
    package var incarnation: Incarnation
    package var item: SnapshotItem
    package var generation: UInt64
    package var position: UInt64
    package var maxBytes: UInt32

    package init(
        caller: RegionNumber, deployment: UInt64, incarnation: Incarnation, item: SnapshotItem, generation: UInt64,
        position: UInt64, maxBytes: UInt32
    ) {
        self.caller = caller
        self.deployment = deployment
        self.incarnation = incarnation
        self.item = item
        self.generation = generation
        self.position = position
        self.maxBytes = maxBytes
    }

    package var encoded: [UInt8] {
        var writer = ByteWriter(reservingCapacity: 48)
        writer.write(Self.version)
        writer.write(UInt8(0))
        writer.write(caller.rawValue)
        writer.write(maxBytes)
        writer.write(deployment)
        writer.write(incarnation.rawValue)
        item.encode(into: &writer)
        writer.write(generation)
        writer.write(position)
        return writer.bytes
    }

    package init(decoding bytes: [UInt8]) throws(MirrorError) {
        self = try ByteReader.mirrorMessage(bytes, "snapshot read", version: Self.version) { reader, _ in
            let caller = RegionNumber(try reader.read())
            let maxBytes = try reader.read(UInt32.self)
            let deployment = try reader.read(UInt64.self)
            let incarnation = Incarnation(try reader.read())
            let item = try SnapshotItem(from: &reader)
            return Self(
                caller: caller, deployment: deployment, incarnation: incarnation, item: item,
                generation: try reader.read(), position: try reader.read(), maxBytes: maxBytes)
        }
    }
}

/// A piece, or word that the snapshot is not kept any more.
package struct SnapshotReadReply: Hashable, Sendable {
    static let version: UInt8 = 1
    private static let headLength = 16

    package var position: UInt64
    /// Nil: gone.
    package var bytes: [UInt8]?

    package init(position: UInt64, bytes: [UInt8]?) {
        self.position = position
        self.bytes = bytes
    }

    package var encoded: [UInt8] {
        let content = bytes ?? []
        var writer = ByteWriter(reservingCapacity: Self.headLength + content.count)
        writer.write(Self.version)
        writer.write(UInt8(bytes == nil ? 1 : 0))
        writer.write(UInt16(0))
        writer.write(CRC32C.checksum(content))
        writer.write(position)
        writer.write(raw: content)
        return writer.bytes
    }

    package init(decoding bytes: [UInt8]) throws(MirrorError) {
        self = try ByteReader.mirrorMessage(bytes, "piece of a snapshot", version: Self.version, flags: 1) {
            reader, flags in
            let at = reader.offset
            guard try reader.read(UInt16.self) == 0 else {
                throw ByteCodingError(.invalidValue(field: "reserved"), at: at)
            }
            let checksum = try reader.read(UInt32.self)
            let position = try reader.read(UInt64.self)
            let content = Array(try reader.readBytes(reader.remaining))
            guard CRC32C.checksum(content) == checksum, flags == 0 || content.isEmpty else {
                throw MirrorError(.malformedFrame, "a piece of a snapshot does not have its checksum")
            }
            return Self(position: position, bytes: flags == 0 ? content : nil)
        }
    }
}
