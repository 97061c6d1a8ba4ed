// A sealed batch: the unit of append, fsync, mirroring, recovery and proof. Its bytes never change (S8).

package import ClusterModel

/// Header and body as they stand on disk and travel between regions, with the decoded header beside them.
package struct EncodedBatch: Hashable, Sendable {
    package let header: BatchHeader
    /// The 128 bytes of the header and the (compressed) body. Maybe a part of a larger buffer, which it keeps alive: who
    /// holds a batch that came from a reading of many takes `compacted()`.
    package let content: ArraySlice<UInt8>
    private let knownDigest: Digest128?

    /// The same as an array: a copy where the batch is a part of a larger buffer, none where it has its own.
    package var bytes: [UInt8] { Array(content) }

    /// Bytes of header and body.
    package var length: Int { content.count }

    /// The chain digest after this batch: the first 128 bits of SHA-256 of its bytes, which contain the digest before it.
    /// Complexity: O(1) where it was sealed here or verified with its digest, O(bytes) otherwise.
    package var chainDigest: Digest128 { knownDigest ?? SHA256.hash(content).prefix128 }

    /// The offset after the last record.
    package var endOffset: Offset { header.baseOffset.advanced(by: Int(header.count)) }

    /// Trusts its caller that the three belong together; outside bytes come in through `init(verifying:)`.
    package init(header: BatchHeader, bytes: [UInt8], chainDigest: Digest128) {
        self.init(header: header, content: bytes[...], knownDigest: chainDigest)
    }

    init(header: BatchHeader, content: ArraySlice<UInt8>, knownDigest: Digest128?) {
        self.header = header
        self.content = content
        self.knownDigest = knownDigest
    }

    /// The batch in a buffer of its own. Complexity: O(bytes) where it has none yet.
    package func compacted() -> EncodedBatch {
        EncodedBatch(header: header, content: Array(content)[...], knownDigest: knownDigest)
    }

    package static func == (lhs: Self, rhs: Self) -> Bool { lhs.content == rhs.content }

    package func hash(into hasher: inout Hasher) { hasher.combine(header) }
}
