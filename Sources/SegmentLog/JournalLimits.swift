// The bounds of the journal, and how they depend on each other.

/// How large things may grow. A node sets the first two from its configuration.
package struct JournalLimits: Hashable, Sendable {
    /// Length of a segment file; at least one full group.
    package var segmentBytes: Int
    /// Bytes submitted and not yet flushed; beyond it `submit` refuses.
    package var backlogBytes: Int
    /// A second sync, of the mark, before each acknowledgement: no start ever doubts what was acknowledged (S7).
    package var marksBeforeAck: Bool
    /// Bytes of all segments; beyond it no further one is taken, and appends are refused as on a full disk until something is
    /// trimmed.
    package var maxBytes: UInt64
    /// How long one segment is appended to: with it the oldest record of a segment is not much older than the newest, and
    /// leaves in time (S8).
    package var segmentAge: Duration

    package init(
        segmentBytes: Int = 64 << 20, backlogBytes: Int = 64 << 20, marksBeforeAck: Bool = false,
        maxBytes: UInt64 = .max, segmentAge: Duration = .seconds(86_400)
    ) {
        self.segmentAge = segmentAge
        self.marksBeforeAck = marksBeforeAck
        self.maxBytes = maxBytes
        // A segment must hold the largest group, or an append could never succeed.
        self.segmentBytes = max(segmentBytes, Self.minSegmentBytes)
        self.backlogBytes = max(backlogBytes, Self.groupBytes)
    }

    /// Space that a journal leaves free when it takes a new segment, for marks, snapshots and tools: it refuses appends before
    /// the disk is full.
    package static func reservedBytes(forSegmentOf length: Int) -> UInt64 { UInt64(length / 8) }

    /// Generations, groups, positions and sequences end here. No journal gets that far: a file that names a higher number is
    /// damaged or made up and does not verify, so that counting on from what was read never runs over.
    package static let lastNumber: UInt64 = 1 << 62
    /// A group is closed once it holds this much.
    package static let groupBytes = 4 << 20
    package static let groupBatches = 4_096
    /// One batch beyond `groupBytes` may still be in: BatchHeader.maxBodyLength and its header.
    package static let groupBytesOnDisk = groupBytes + (4 << 20) + 128
    package static let minSegmentBytes = 9 << 20
    /// Segments that are prepared ahead of need: a segment more on the disk, from when the first is half full.
    package static let spareSegments = 1
    /// Bytes of zeros that one sync covers while a spare is written.
    package static let spareStepBytes = 256 << 10
    /// Between two such steps: 13 MB/s at most, so that a journal that is written faster does not compete with its spares.
    package static let spareStepPause: Duration = .milliseconds(20)
    /// An index entry a log at most every so many journal bytes.
    package static let indexInterval: UInt64 = 1 << 20
    /// Flushed batches kept in memory for readers at the tail, over all logs.
    package static let recentBytes = 16 << 20
    /// Batch ends kept in memory a log, for checks of other regions' cursors.
    package static let boundaries = 256
    /// Parties that hear of every group commit.
    package static let watchers = 64
    /// How long the journal is idle before it writes a mark slot (S7).
    package static let idleBeforeMark: Duration = .milliseconds(10)
    /// How often a journal on a full disk looks for space.
    package static let spaceRetryInterval: Duration = .milliseconds(250)
}
