// What a follower asks a holder, in `/meridian.mesh.v1.Mirror/Pull`.
//
//   0   u8   version (1)                 28  u32  bytes of batches that the reply may carry
//   1   u8   zero                        32  u32  milliseconds to wait when there is nothing
//   2   u16  follower's region           36  …    positions: count, LogPoint each
//   4   u32  apply version                   …    cursors: count, then region u16 and LogPoint each
//   8   u64  deployment                      …    agreed ends: count, AgreedEnds each
//   16  u64  link generation
//   24  u32  zero
//
// Numbers are little-endian, counts LEB128. Valid: all bytes are used, zeros are zero, counts are within `MirrorLimits`.

package import ClusterModel

/// One long-poll pull.
package struct PullRequest: Hashable, Sendable {
    package static let path = "/meridian.mesh.v1.Mirror/Pull"
    static let version: UInt8 = 1

    /// How far one region has *flushed* one log (S11); apart from the positions of a pull.
    package struct Cursor: Hashable, Sendable {
        package var region: RegionNumber
        package var point: LogPoint

        static let byteCount = 2 + LogPoint.byteCount

        package init(region: RegionNumber, point: LogPoint) {
            self.region = region
            self.point = point
        }
    }

    package var follower: RegionNumber
    package var applyVersion: UInt32
    package var deployment: UInt64
    /// Grows with each new link of the follower to this holder: an older one's pulls are answered no more.
    package var generation: UInt64
    package var maxBytes: UInt32
    package var waitMilliseconds: UInt32
    /// Where the follower goes on in each log that it wants from this holder.
    package var positions: [LogPoint] = []
    package var cursors: [Cursor] = []
    package var agreedEnds: [AgreedEnds] = []

    package init(
        follower: RegionNumber, applyVersion: UInt32, deployment: UInt64, generation: UInt64, maxBytes: UInt32,
        waitMilliseconds: UInt32
    ) {
        self.follower = follower
        self.applyVersion = applyVersion
        self.deployment = deployment
        self.generation = generation
        self.maxBytes = maxBytes
        self.waitMilliseconds = waitMilliseconds
    }

    package var encoded: [UInt8] {
        var writer = ByteWriter(
            reservingCapacity: 64 + positions.count * LogPoint.byteCount + cursors.count * Cursor.byteCount)
        writer.write(Self.version)
        writer.write(UInt8(0))
        writer.write(follower.rawValue)
        writer.write(applyVersion)
        writer.write(deployment)
        writer.write(generation)
        writer.write(UInt32(0))
        writer.write(maxBytes)
        writer.write(waitMilliseconds)
        writer.writeVarint(UInt64(positions.count))
        for position in positions { position.encode(into: &writer) }
        writer.writeVarint(UInt64(cursors.count))
        for cursor in cursors {
            writer.write(cursor.region.rawValue)
            cursor.point.encode(into: &writer)
        }
        writer.writeVarint(UInt64(agreedEnds.count))
        for ends in agreedEnds { ends.encode(into: &writer) }
        return writer.bytes
    }

    package init(decoding bytes: [UInt8], limits: MirrorLimits) throws(MirrorError) {
        var reader = ByteReader(bytes)
        try reader.readMirrorVersion(Self.version)
        do throws(ByteCodingError) {
            try self.init(fieldsOf: &reader, limits)
            try reader.expectEnd()
        } catch {
            throw MirrorError(.malformedFrame, "pull: \(error)")
        }
    }

    private init(fieldsOf reader: inout ByteReader, _ limits: MirrorLimits) throws(ByteCodingError) {
        follower = RegionNumber(try reader.read())
        applyVersion = try reader.read()
        deployment = try reader.read()
        generation = try reader.read()
        guard try reader.read(UInt32.self) == 0 else {
            throw ByteCodingError(.invalidValue(field: "reserved"), at: reader.offset)
        }
        maxBytes = try reader.read()
        waitMilliseconds = try reader.read()
        for _ in 0..<(try reader.readCount(limit: limits.logs, itemBytes: LogPoint.byteCount)) {
            positions.append(try LogPoint(from: &reader))
        }
        for _ in 0..<(try reader.readCount(limit: limits.cursors, itemBytes: Cursor.byteCount)) {
            let region = RegionNumber(try reader.read())
            cursors.append(Cursor(region: region, point: try LogPoint(from: &reader)))
        }
        for _ in 0..<(try reader.readCount(limit: limits.agreedEnds, itemBytes: AgreedEnds.smallestByteCount)) {
            agreedEnds.append(try AgreedEnds(from: &reader))
        }
    }
}
