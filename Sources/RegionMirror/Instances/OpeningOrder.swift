// Whether a log may begin where its line stands (S1a, HISTORIES 28). Pure.

package import ClusterModel
package import EventLog

/// Stamps never decrease along a line, and clocks are at most D from the truth each: a later incarnation begins at most 2D below
/// what any earlier one has stamped. One that begins lower was written beside it, by a second process: this member's time has
/// passed records that it has not heard, and ids that they may repeat are forgotten. Its bytes stay outside, so that the fold
/// of what is held here stays what it was; what they did comes inside a snapshot of a member that heard them in time.
package enum OpeningOrder {
    /// The stamp below which the log of `batch` begins by more than 2D; nil where it begins as a line goes on, and for a batch
    /// that begins no log. `held`: what is held of all logs, and the last stamp of each.
    package static func stampAbove(
        _ batch: EncodedBatch, in held: some Sequence<(log: LogIdentity, lastStamp: HybridStamp)>, maxDrift: Duration
    ) -> WallTime? {
        guard batch.header.baseOffset == .zero else { return nil }
        let log = batch.header.log
        let latest = batch.header.firstStamp.wallTime.advanced(by: maxDrift * 2)
        return held.filter { $0.log.name == log.name && $0.log.incarnation < log.incarnation }
            .map(\.lastStamp.wallTime).max().flatMap { $0 > latest ? $0 : nil }
    }
}
