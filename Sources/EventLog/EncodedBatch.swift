// A sealed batch: the unit of append, fsync, mirroring, recovery and proof. Its bytes never change (S8).

package import ClusterModel

/// Header and body as they stand on disk and travel between regions, with the decoded header beside them.
package struct EncodedBatch: Hashable, Sendable {
    package let header: BatchHeader
    /// The 128 bytes of the header and the (compressed) body.
    package let bytes: [UInt8]
    /// The chain digest after this batch: the first 128 bits of SHA-256 of `bytes`, which contain the digest before it.
    package let chainDigest: Digest128

    /// The offset after the last record.
    package var endOffset: Offset { header.baseOffset.advanced(by: Int(header.count)) }

    /// Trusts its caller that the three belong together; outside bytes come in through `init(verifying:)`.
    package init(header: BatchHeader, bytes: [UInt8], chainDigest: Digest128) {
        self.header = header
        self.bytes = bytes
        self.chainDigest = chainDigest
    }
}
