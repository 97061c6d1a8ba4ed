// A snapshot of the catalogue with the progress of the content logs that it is folded from.
//
// | bytes | field                                             |
// |-------|---------------------------------------------------|
// | 0-3   | magic "MRCS"                                      |
// | 4-7   | CRC32C over bytes 8 to the end                    |
// | 8-11  | format, 2                                         |
// | 12-15 | version of `apply`                                |
// | 16-31 | catalogue digest                                  |
// | 32-   | lines, then the catalogue, as their files say     |

import ClusterModel

/// Encoding and decoding. Pure; files are the caller's.
package enum ContentSnapshot {
    package static let magic: UInt32 = 0x5343_524d  // "MRCS"
    package static let format: UInt32 = 2
    private static let headerBytes = 32

    /// Complexity: O(n log n) in the catalogue's items and tombstones.
    package static func encode(_ state: ContentState) -> [UInt8] {
        var writer = ByteWriter(reservingCapacity: 1 << 16 + state.catalogue.count * 160)
        writer.write(magic)
        writer.write(UInt32(0))
        writer.write(format)
        writer.write(StateLimits.applyVersion)
        writer.write(state.catalogue.digest)
        state.lines.encode(into: &writer)
        state.catalogue.encode(into: &writer)
        writer.overwrite(writer.checksum(of: 8..<writer.count), at: 4)
        return writer.bytes
    }

    /// The state, verified: checksum, version, and the digest of what was restored. `limit` binds the door.
    package static func decode(_ bytes: [UInt8], limit: Int) throws(SnapshotError) -> ContentState {
        try reading(bytes) { reader, digest in
            let lines = try OriginLines(from: &reader)
            let catalogue = try Catalogue(from: &reader, limit: limit)
            try reader.expectEnd()
            guard catalogue.digest == digest else { throw SnapshotError.malformed("digest does not match") }
            return ContentState(catalogue: catalogue, lines: lines)
        }
    }

    /// As of a shard's snapshot.
    package static func verifiedLines(_ bytes: [UInt8]) throws(SnapshotError) -> OriginLines {
        try reading(bytes) { reader, _ in try OriginLines(from: &reader) }
    }

    private static func reading<Value>(
        _ bytes: [UInt8], _ body: (inout ByteReader, Digest128) throws -> Value
    ) throws(SnapshotError) -> Value {
        guard bytes.count >= headerBytes else { throw .malformed("only \(bytes.count) bytes") }
        var reader = ByteReader(bytes)
        do {
            guard try reader.read(UInt32.self) == magic else { throw SnapshotError.malformed("no snapshot") }
            guard try reader.read(UInt32.self) == bytes.checksum(of: 8..<bytes.count) else {
                throw SnapshotError.malformed("checksum does not match")
            }
            let found = (try reader.read(UInt32.self), try reader.read(UInt32.self))
            guard found == (format, StateLimits.applyVersion) else {
                throw SnapshotError.otherVersion(format: found.0, apply: found.1)
            }
            let digest = try reader.readDigest()
            return try body(&reader, digest)
        } catch let error as SnapshotError {
            throw error
        } catch {
            throw .malformed("\(error)")
        }
    }
}
