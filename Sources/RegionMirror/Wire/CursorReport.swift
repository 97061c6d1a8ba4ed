// How far regions have flushed the logs of the one that is told, in `/meridian.mesh.v1.Mirror/Report`.
//
//   0   u8   version (1)                 16  u64  incarnation of the teller's start
//   1   u8   zero                        24  …    cursors: count, then each
//   2   u16  teller's region                        region u16, incarnation of that region's start u64, LogPoint, and
//                                                   the first offset that is held there, u64
//   4   u32  zero
//   8   u64  fingerprint of the teller's terms
//
// Numbers are little-endian, counts LEB128. Valid: all bytes are used, zeros are zero, counts are within `MirrorLimits`.
// The answer is empty.

package import ClusterModel

/// Acks (S11), apart from pulls: a pull waits for data, an ack does not wait.
package struct CursorReport: Hashable, Sendable {
    package static let path = "/meridian.mesh.v1.Mirror/Report"
    static let version: UInt8 = 1

    /// How far one region has *flushed* one log. A relay forwards the cursors of others as such.
    package struct Cursor: Hashable, Sendable {
        package var region: RegionNumber
        /// The region's start that flushed it: what an earlier start said counts no more, since its disk may be lost.
        package var incarnation: Incarnation
        package var point: LogPoint
        /// Records before it are not held as bytes there: they came inside a snapshot, or are trimmed.
        package var first: Offset

        static let byteCount = 18 + LogPoint.byteCount

        package init(region: RegionNumber, incarnation: Incarnation, point: LogPoint, first: Offset = .zero) {
            self.region = region
            self.incarnation = incarnation
            self.point = point
            self.first = first
        }

        /// The records that are acknowledged (S11).
        package var held: Range<Offset> { min(first, point.offset)..<point.offset }
    }

    package var teller: RegionNumber
    package var deployment: UInt64
    package var incarnation: Incarnation
    package var cursors: [Cursor]

    package init(teller: RegionNumber, deployment: UInt64, incarnation: Incarnation, cursors: [Cursor]) {
        self.teller = teller
        self.deployment = deployment
        self.incarnation = incarnation
        self.cursors = cursors
    }

    package var encoded: [UInt8] {
        var writer = ByteWriter(reservingCapacity: 32 + cursors.count * Cursor.byteCount)
        writer.write(Self.version)
        writer.write(UInt8(0))
        writer.write(teller.rawValue)
        writer.write(UInt32(0))
        writer.write(deployment)
        writer.write(incarnation.rawValue)
        writer.writeVarint(UInt64(cursors.count))
        for cursor in cursors {
            writer.write(cursor.region.rawValue)
            writer.write(cursor.incarnation.rawValue)
            cursor.point.encode(into: &writer)
            writer.write(cursor.first.rawValue)
        }
        return writer.bytes
    }

    package init(decoding bytes: [UInt8], limits: MirrorLimits) throws(MirrorError) {
        self = try ByteReader.mirrorMessage(bytes, "cursors", version: Self.version) { reader, _ in
            try Self(fieldsOf: &reader, limits)
        }
    }

    private init(fieldsOf reader: inout ByteReader, _ limits: MirrorLimits) throws(ByteCodingError) {
        teller = RegionNumber(try reader.read())
        guard try reader.read(UInt32.self) == 0 else {
            throw ByteCodingError(.invalidValue(field: "reserved"), at: reader.offset)
        }
        deployment = try reader.read()
        incarnation = Incarnation(try reader.read())
        cursors = []
        for _ in 0..<(try reader.readCount(limit: limits.cursors, itemBytes: Cursor.byteCount)) {
            let region = RegionNumber(try reader.read())
            let incarnation = Incarnation(try reader.read())
            let point = try LogPoint(from: &reader)
            let first = Offset(try reader.read())
            guard first <= point.offset else {
                throw ByteCodingError(.invalidValue(field: "first offset of a cursor"), at: reader.offset)
            }
            cursors.append(Cursor(region: region, incarnation: incarnation, point: point, first: first))
        }
    }
}
