// Where a log begins on a disk that holds nothing before it (S5, S8).

package import ClusterModel

/// A boundary between two batches of a log, with what its chain and its line need to go on from there.
package struct LogBase: Hashable, Sendable {
    package var log: LogIdentity
    package var offset: Offset
    /// The chain digest at `offset`.
    package var digest: Digest128
    /// The stamp of the last record before it, and that record's epoch.
    package var lastStamp: HybridStamp
    package var epoch: Epoch

    package init(log: LogIdentity, offset: Offset, digest: Digest128, lastStamp: HybridStamp, epoch: Epoch) {
        self.log = log
        self.offset = offset
        self.digest = digest
        self.lastStamp = lastStamp
        self.epoch = epoch
    }
}
