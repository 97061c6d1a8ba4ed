// What a follower asks a holder, in `/meridian.mesh.v1.Mirror/Pull`.
//
//   0   u8   version (1)                 24  u64  link generation
//   1   u8   flags: 1 = all bases        32  u32  bytes of batches that the reply may carry
//   2   u16  follower's region           36  u32  milliseconds to wait when there is nothing
//   4   u32  apply version               40  …    positions: count, LogPoint each
//   8   u64  fingerprint of the follower's terms
//   16  u64  incarnation of the follower's start, 0 for one that has not begun
//                                             …    bases: count, log name (8 bytes) and EndsPoint each
//
// Numbers are little-endian, counts LEB128. Valid: all bytes are used, zeros are zero, counts are within `MirrorLimits`.

package import ClusterModel

/// One long-poll pull. Positions say where to go on; they are no acks (S11).
package struct PullRequest: Hashable, Sendable {
    package static let path = "/meridian.mesh.v1.Mirror/Pull"
    static let version: UInt8 = 1

    package var follower: RegionNumber
    package var applyVersion: UInt32
    /// `RegionTerms.fingerprint`.
    package var deployment: UInt64
    /// Tells two processes apart that claim one region (S1).
    package var incarnation: Incarnation
    /// Grows with each new link of the follower to this holder: an older one's pulls are answered no more.
    package var generation: UInt64
    package var maxBytes: UInt32
    package var waitMilliseconds: UInt32
    /// Where the follower goes on in each log that it wants from this holder.
    package var positions: [LogPoint] = []
    /// What the follower's published snapshots stand on (S1b): what this link has not told yet.
    package var bases: [LineBase] = []
    /// What an earlier link told counts no more.
    package var basesAreAll = false

    package init(
        follower: RegionNumber, applyVersion: UInt32, deployment: UInt64, incarnation: Incarnation,
        generation: UInt64, maxBytes: UInt32, waitMilliseconds: UInt32
    ) {
        self.follower = follower
        self.applyVersion = applyVersion
        self.deployment = deployment
        self.incarnation = incarnation
        self.generation = generation
        self.maxBytes = maxBytes
        self.waitMilliseconds = waitMilliseconds
    }

    package var encoded: [UInt8] {
        var writer = ByteWriter(reservingCapacity: 48 + positions.count * LogPoint.byteCount)
        writer.write(Self.version)
        writer.write(UInt8(basesAreAll ? 1 : 0))
        writer.write(follower.rawValue)
        writer.write(applyVersion)
        writer.write(deployment)
        writer.write(incarnation.rawValue)
        writer.write(generation)
        writer.write(maxBytes)
        writer.write(waitMilliseconds)
        writer.writeVarint(UInt64(positions.count))
        for position in positions { position.encode(into: &writer) }
        writer.writeVarint(UInt64(bases.count))
        for base in bases { base.encode(into: &writer) }
        return writer.bytes
    }

    package init(decoding bytes: [UInt8], limits: MirrorLimits) throws(MirrorError) {
        self = try ByteReader.mirrorMessage(bytes, "pull", version: Self.version, flags: 1) { reader, flags in
            var request = try Self(fieldsOf: &reader, limits)
            request.basesAreAll = flags == 1
            return request
        }
    }

    private init(fieldsOf reader: inout ByteReader, _ limits: MirrorLimits) throws(ByteCodingError) {
        follower = RegionNumber(try reader.read())
        applyVersion = try reader.read()
        deployment = try reader.read()
        incarnation = Incarnation(try reader.read())
        generation = try reader.read()
        maxBytes = try reader.read()
        waitMilliseconds = try reader.read()
        for _ in 0..<(try reader.readCount(limit: limits.logs, itemBytes: LogPoint.byteCount)) {
            positions.append(try LogPoint(from: &reader))
        }
        for _ in 0..<(try reader.readCount(limit: limits.agreedEnds, itemBytes: LineBase.byteCount)) {
            bases.append(try LineBase(from: &reader))
        }
    }
}
