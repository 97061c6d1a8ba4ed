// What a disk has lost of a log and asks other holders for.

package import ClusterModel

/// A stretch of one log that does not verify on this disk. Both digests are known here: nobody else's word is needed for
/// what the bytes in between must chain to (S8).
package struct RepairNeed: Hashable, Sendable {
    package var log: LogIdentity
    package var from: Offset
    package var to: Offset
    /// The chain digest before `from`, and at `to`.
    package var before: Digest128
    package var after: Digest128

    package init(log: LogIdentity, from: Offset, to: Offset, before: Digest128, after: Digest128) {
        self.log = log
        self.from = from
        self.to = to
        self.before = before
        self.after = after
    }

    /// Whether these follow each other from one end to the other, on the chain.
    package func isMet(by batches: [EncodedBatch]) -> Bool {
        var (end, digest) = (from, before)
        for batch in batches {
            guard batch.extends(log, end: end, digest: digest) else { return false }
            (end, digest) = (batch.endOffset, batch.chainDigest)
        }
        return end == to && digest == after
    }
}
