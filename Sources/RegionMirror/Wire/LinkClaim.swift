// A follower's link, as its holder watches it, in the stream `/meridian.mesh.v1.Mirror/Claim`.
//
//   0   u8   version (1)                 8   u64  fingerprint of the follower's terms
//   1   u8   zero                        16  u64  incarnation of the follower's start
//   2   u16  follower's region           24  u64  generation of its link
//   4   u32  zero
//
// Numbers are little-endian. Valid: all bytes are used and zeros are zero. The follower sends it once and keeps the stream
// open; nothing is answered.

package import ClusterModel

/// Open for as long as the link is: its end tells the holder that the link closed (S1).
package struct LinkClaim: Hashable, Sendable {
    package static let path = "/meridian.mesh.v1.Mirror/Claim"
    static let version: UInt8 = 1
    static let byteCount = 32

    package var follower: RegionNumber
    package var deployment: UInt64
    package var incarnation: Incarnation
    package var generation: UInt64

    package init(follower: RegionNumber, deployment: UInt64, incarnation: Incarnation, generation: UInt64) {
        self.follower = follower
        self.deployment = deployment
        self.incarnation = incarnation
        self.generation = generation
    }

    package var encoded: [UInt8] {
        var writer = ByteWriter(reservingCapacity: Self.byteCount)
        writer.write(Self.version)
        writer.write(UInt8(0))
        writer.write(follower.rawValue)
        writer.write(UInt32(0))
        writer.write(deployment)
        writer.write(incarnation.rawValue)
        writer.write(generation)
        return writer.bytes
    }

    /// Throws MirrorError `.malformedFrame`, `.unknownVersion`.
    package init(decoding bytes: [UInt8]) throws(MirrorError) {
        self = try ByteReader.mirrorMessage(bytes, "claim", version: Self.version) { reader, _ in
            try Self(fieldsOf: &reader)
        }
    }

    private init(fieldsOf reader: inout ByteReader) throws(ByteCodingError) {
        follower = RegionNumber(try reader.read())
        guard try reader.read(UInt32.self) == 0 else {
            throw ByteCodingError(.invalidValue(field: "reserved"), at: reader.offset)
        }
        deployment = try reader.read()
        incarnation = Incarnation(try reader.read())
        generation = try reader.read()
    }
}
