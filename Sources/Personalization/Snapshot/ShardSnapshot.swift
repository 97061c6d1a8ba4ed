// A snapshot of one partition: its state at a vector, with the id index and the markers (S5, S6).
//
// | bytes   | field                                                                                           |
// |---------|-------------------------------------------------------------------------------------------------|
// | 0-3     | magic "MRSS"                                                                                    |
// | 4-7     | CRC32C over bytes 8 to the end                                                                  |
// | 8-11    | format, 3                                                                                       |
// | 12-15   | version of `apply`                                                                              |
// | 16-19   | partition                                                                                       |
// | 20-23   | zero                                                                                            |
// | 24-39   | state digest (S10)                                                                              |
// | 40-     | lines; popularity: newest u64, count u32, items (content u64, count u16, buckets); index: count |
// |         | u32, keys (id time, id client, body digest, u64 each); users: count u32, (key 16 bytes, state)  |
//
// Valid when magic, CRC, format and version fit and everything reads to the end. The digest is compared after restoring.

package import ClusterModel
import EventLog
import MergeableState

/// Encoding and decoding of snapshots. Pure; files are the caller's.
package enum ShardSnapshot {
    package static let magic: UInt32 = 0x5353_524d  // "MRSS"
    package static let format: UInt32 = 3
    private static let headerBytes = 40
    /// A user's key; the state is more.
    private static let minUserBytes = 16
    /// The largest snapshot that is read: a bound against a damaged length, far above a shard's working set.
    package static let maxBytes = 4 << 30

    /// Complexity: O(state).
    package static func encode(_ state: ShardState) -> [UInt8] {
        var state = state
        let digest = state.digest()
        var writer = ByteWriter(reservingCapacity: 1 << 16 + state.userCount * 256)
        writer.write(magic)
        writer.write(UInt32(0))
        writer.write(format)
        writer.write(StateLimits.applyVersion)
        writer.write(state.partition.rawValue)
        writer.write(UInt32(0))
        writer.write(digest)
        state.lines.encode(into: &writer)
        encode(state.popularity, into: &writer)
        let keys = state.index.keys
        writer.write(UInt32(clamping: keys.count))
        for key in keys {
            writer.write(key.id.time)
            writer.write(key.id.client)
            writer.write(key.bodyDigest)
        }
        writer.write(UInt32(clamping: state.rows.count))
        for user in state.rows.users {
            writer.write(user.digest)
            state.rows[user]?.encode(into: &writer, for: .snapshot)
        }
        writer.overwrite(writer.checksum(of: 8..<writer.count), at: 4)
        return writer.bytes
    }

    private static func encode(_ popularity: PopularityPartial, into writer: inout ByteWriter) {
        writer.write(popularity.newest)
        writer.write(UInt32(clamping: popularity.contents.count))
        for content in popularity.contents.keys.sorted() {
            let buckets = popularity.contents[content] ?? []
            writer.write(content.rawValue)
            writer.write(UInt16(clamping: buckets.count))
            for bucket in buckets { writer.write(bucket) }
        }
    }

    /// The state, verified: checksum, version, and the digest of what was restored.
    package static func decode(_ bytes: [UInt8], partition: PartitionID) throws(SnapshotError) -> ShardState {
        try reading(bytes, partition) { reader, digest in
            var state = try decodeState(&reader, partition)
            guard state.digest() == digest else { throw SnapshotError.malformed("digest does not match") }
            return state
        }
    }

    /// The lines of a snapshot of which checksum, version and partition are right: what is asked of a file that is read back.
    /// Complexity: a pass of CRC32C; no user is decoded.
    package static func verifiedLines(_ bytes: [UInt8], partition: PartitionID) throws(SnapshotError) -> OriginLines {
        try reading(bytes, partition) { reader, _ in try OriginLines(from: &reader) }
    }

    private static func reading<Value>(
        _ bytes: [UInt8], _ partition: PartitionID, _ body: (inout ByteReader, Digest128) throws -> Value
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
            let owner = PartitionID(try reader.read())
            guard owner == partition else { throw SnapshotError.malformed("of partition \(owner.rawValue)") }
            _ = try reader.read(UInt32.self)
            let digest = try reader.readDigest()
            return try body(&reader, digest)
        } catch let error as SnapshotError {
            throw error
        } catch {
            throw .malformed("\(error)")
        }
    }

    private static func decodeState(
        _ reader: inout ByteReader, _ partition: PartitionID
    ) throws(ByteCodingError) -> ShardState {
        var state = ShardState(partition: partition)
        state.lines = try OriginLines(from: &reader)
        state.popularity.restoreWindow(newest: try reader.read())
        for _ in 0..<(try reader.read(UInt32.self)) {
            let content = ContentKey(rawValue: try reader.read())
            for _ in 0..<(try reader.read(UInt16.self)) {
                let index = try reader.read(UInt64.self)
                var counts = PopularityPartial.Counts()
                counts.impressions = try reader.read()
                counts.clicks = try reader.read()
                counts.strong = try reader.read()
                guard index <= state.popularity.newest else {
                    throw ByteCodingError(.invalidValue(field: "popularity bucket"), at: reader.offset)
                }
                state.popularity.insert(counts, of: content, at: index)
            }
        }
        for _ in 0..<(try reader.read(UInt32.self)) {
            let time = try reader.read(UInt64.self)
            let id = EventID(time: time, client: try reader.read())
            _ = state.index.insert(MergeOrder(id: id, bodyDigest: try reader.read()))
        }
        let users = try reader.read(UInt32.self)
        // The count may be damaged: no more room than the rest can fill.
        state.reserve(users: min(Int(clamping: users), reader.remaining / minUserBytes))
        for _ in 0..<users {
            let user = UserKey(digest: try reader.readDigest())
            state.restore(try UserState(from: &reader), of: user)
        }
        try reader.expectEnd()
        return state
    }
}

/// Why a snapshot cannot be used. The next older one, or the log from its start, serves instead.
package enum SnapshotError: Error, Hashable, Sendable, CustomStringConvertible {
    case malformed(String)
    case otherVersion(format: UInt32, apply: UInt32)
    /// Of another member: it holds something of a time that no clock that is believed can have shown (TimeCeiling).
    case aheadOfClock(WallTime)

    package var description: String {
        switch self {
        case .malformed(let what): "the snapshot does not verify: \(what)"
        case .aheadOfClock(let time):
            "the snapshot holds something of the time \(time.milliseconds) ms, which is ahead of every clock that is believed"
        case .otherVersion(let format, let apply): "the snapshot has format \(format) and apply version \(apply)"
        }
    }
}
