// The parts of a state digest (S10): hashes of canonical encodings under a key, added up.

package import ClusterModel

/// Shares are added modulo 2^128, so that neither order nor row layout plays a part. The key separates this use of
/// SHA-256 from every other one.
package enum StateDigest {
    private static let key = Array("meridian/state-digest/1".utf8)

    /// An empty row counts 0.
    package static func share(of user: UserKey, _ state: UserState) -> Digest128 {
        guard !state.isEmpty else { return .zero }
        var writer = ByteWriter(reservingCapacity: 512)
        writer.write(raw: key)
        writer.write(UInt8(1))
        writer.write(user.digest)
        state.encode(into: &writer, for: .digest)
        return SHA256.hash(writer.bytes).prefix128
    }

    /// The sum over items. Complexity: O(buckets).
    package static func share(of popularity: PopularityPartial) -> Digest128 {
        var sum = Digest128.zero
        for (content, buckets) in popularity.contents {
            var writer = ByteWriter(reservingCapacity: 64)
            writer.write(raw: key)
            writer.write(UInt8(2))
            writer.write(content.rawValue)
            for bucket in buckets { writer.write(bucket) }
            sum = sum &+ SHA256.hash(writer.bytes).prefix128
        }
        return sum
    }
}

extension ByteWriter {
    mutating func write(_ bucket: PopularityPartial.Bucket) {
        write(bucket.index)
        write(bucket.counts.impressions)
        write(bucket.counts.clicks)
        write(bucket.counts.strong)
    }
}
