// The bounds of mirroring: nothing that a peer sends makes a node hold more than these.

/// Limits of one node's mirrors. Related ones are relative to `BatchHeader.maxBodyLength`: one batch always fits a reply.
package struct MirrorLimits: Hashable, Sendable {
    /// Logs that one pull may ask for, and heads that one reply may bring: what is left goes in the next.
    package var logs = 16_384
    /// Logs of which a node knows a holder's head or has told one: partitions of all origins, with all incarnations whose
    /// ends are not settled at every member (S1b).
    package var heads = 1 << 20
    /// Cursors in one pull: the follower's own and the forwarded ones.
    package var cursors = 65_536
    /// Log names of whose ends (S1a) something is known: partitions of all origins.
    package var agreedEnds = 65_536
    /// Regions whose cursors are kept.
    package var regions = 64
    /// Bytes of batches in one reply; the last of them may go beyond by less than one batch (4 MiB).
    package var replyBytes = 1 << 20
    /// Bytes of one message of either direction, batches and heads included: what the transport carries.
    package var frameBytes = 8 << 20
    /// Snapshots that one question may ask for.
    package var snapshotsAtOnce = 64
    /// Bytes of one snapshot of another member: what a shard's working set comes to, and far above.
    package var snapshotBytes: UInt64 = 4 << 30
    /// Bytes of a snapshot in one answer.
    package var pieceBytes = 1 << 20
    /// Snapshots that are kept open for other members at once; the one that was read last the longest ago goes first.
    package var openSnapshots = 16
    /// How long a holder may keep a pull that it has nothing for.
    package var longestWaitMilliseconds: UInt32 = 60_000

    /// Bytes of agreed ends in one reply; the last line's may go beyond.
    package static let toldEndsBytes = 2 << 20
    /// Cursors in one report; more go in the next.
    package static let cursorsAtOnce = 4_096
    /// Cursors that wait for a look at the disk.
    package static let lookups = 256
    /// Reasons of one region's lost links that are logged before it is connected again.
    package static let reasonsSaid = 8
    /// Refused callers that are remembered, so that each is logged once.
    package static let refusalsSaid = 256
    /// A reply of at least this much is on the disk before the next pull: catching up does not fill the journal's backlog.
    package static let bytesBeforeFlush = 1 << 18

    package init() {}
}
