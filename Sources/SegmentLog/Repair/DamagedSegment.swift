// What is wrong with one sealed segment, group by group: which batches are missing, and which frame alone is.

import ClusterModel
import EventLog
import NodeEnvironment

/// How far a segment's groups go, as others know.
struct SegmentExtent: Hashable, Sendable {
    /// Where its groups end.
    var end: UInt64
    /// The next segment's mark: what is missing at the end behind that group was in doubt and stands there once more (S7).
    /// Nil without a next segment.
    var mark: UInt64?
    /// The number of the next segment's first group; nil as above.
    var nextGroup: UInt64?
}

/// A survey of a sealed segment. Memory: a few words a batch.
struct DamagedSegment: Sendable {
    /// A batch of which a frame says that it stands here, and which does not verify.
    struct Missing: Hashable, Sendable {
        var entry: GroupFrame.Entry
        /// In the segment.
        var position: UInt64
        /// Where it verifies by itself.
        var header: BatchHeader?
    }

    /// A batch that verifies, as a link of its log's chain.
    struct Link: Hashable, Sendable {
        /// In the segment.
        var position: UInt64
        var base: Offset
        var end: Offset
        var previous: Digest128
        var digest: Digest128
    }

    private(set) var missing: [Missing] = []
    /// Bytes that are known without asking anyone: padding, and frames whose batches all stand.
    private(set) var known: [(position: UInt64, bytes: [UInt8])] = []
    /// What nothing in this segment can rebuild.
    private(set) var lost: [LostStretch] = []
    /// By log, in the order of the segment.
    private(set) var links: [LogIdentity: [Link]] = [:]
    private var last: GroupFrame?

    var isSound: Bool { missing.isEmpty && known.isEmpty && lost.isEmpty }

    /// Reads all of it, up to where its groups end. Blocks on the disk.
    init(_ reader: SegmentReader, _ extent: SegmentExtent) throws(FileError) {
        var window = SegmentWindow(reader)
        var position: UInt64 = 0
        let end = extent.end
        while position < end {
            if let group = try window.frame(at: position), group.end <= end {
                try take(group, &window, reader)
                last = group.frame
                position = group.end
            } else {
                let next = try window.nextFrame(from: position + UInt64(GroupFrame.alignment), before: end)
                if next == nil, let mark = extent.mark, let last, last.number >= mark { return }
                let stop = next ?? end
                if let group = try correctFrame(position..<stop, reader) {
                    try take(group, &window, reader)
                    last = group.frame
                    position = group.end
                } else {
                    let following = try next.flatMap { (place) throws(FileError) in
                        try window.frame(at: place)?.frame.number
                    }
                    try rebuildFrame(position..<stop, before: following ?? extent.nextGroup, reader)
                    position = stop
                }
            }
        }
    }

    private mutating func take(
        _ group: FoundFrame, _ window: inout SegmentWindow, _ reader: SegmentReader
    ) throws(FileError) {
        var position = group.batches
        for entry in group.frame.entries {
            if let batch = try window.batch(entry, at: position) {
                link(batch, at: position)
            } else {
                let header = try window.header(entry, at: position)
                missing.append(Missing(entry: entry, position: position, header: header))
            }
            position += UInt64(entry.length)
        }
        let padding = try reader.file.read(at: position, count: Int(group.end - position))
        if padding.contains(where: { $0 != 0 }) {
            known.append((position, [UInt8](repeating: 0, count: padding.count)))
        }
    }

    private mutating func link(_ batch: EncodedBatch, at position: UInt64) {
        links[batch.header.log, default: []].append(
            Link(
                position: position, base: batch.header.baseOffset, end: batch.endOffset,
                previous: batch.header.previousDigest,
                digest: batch.chainDigest))
    }

    /// A frame in which one bit is wrong is known from its checksum.
    private mutating func correctFrame(_ range: Range<UInt64>, _ reader: SegmentReader) throws(FileError) -> FoundFrame?
    {
        let bytes = try reader.file.read(
            at: range.lowerBound, count: Int(min(UInt64(range.count), UInt64(GroupFrame.longestCorrected))))
        let next = (last?.number ?? 0) + 1
        func isRight(_ frame: GroupFrame, _ length: Int) -> Bool {
            guard frame.journal == reader.journal, frame.generation == reader.generation else { return false }
            return frame.position == range.lowerBound && frame.number >= next && length <= range.count
        }
        guard let found = GroupFrame.correcting(bytes[...], isRight) else { return nil }
        known.append((range.lowerBound, found.bytes))
        return FoundFrame(
            frame: found.frame, batches: found.frame.batchesPosition, end: range.lowerBound + UInt64(found.length))
    }

    /// A frame is redundant where its batches stand: its table says what their headers say. Its mark may be any older one.
    private mutating func rebuildFrame(
        _ range: Range<UInt64>, before nextGroup: UInt64?, _ reader: SegmentReader
    ) throws(FileError) {
        let bytes = try reader.file.read(at: range.lowerBound, count: range.count)
        guard range.count <= Self.maxGroup, let last, let batches = Self.batches(in: bytes) else {
            lost.append(LostStretch(bytes: range, before: last.map(LostStretch.Group.init), nextGroup: nextGroup))
            return
        }
        let frame = GroupFrame(
            journal: reader.journal, generation: reader.generation, number: last.number + 1,
            position: range.lowerBound, mark: last.mark, previousSegmentEnd: last.previousSegmentEnd, batches: batches)
        known.append((range.lowerBound, frame.pieces(batches).pieces.flatMap(\.self)))
        var position = frame.batchesPosition
        for batch in batches {
            link(batch, at: position)
            position += UInt64(batch.length)
        }
        self.last = frame
    }

    private static let maxGroup = GroupFrame.aligned(
        GroupFrame.headerLength + JournalLimits.groupBatches * GroupFrame.entryLength + JournalLimits.groupBytesOnDisk)

    /// The batches of one group whose frame cannot be read: as many as the table must have had entries.
    private static func batches(in bytes: [UInt8]) -> [EncodedBatch]? {
        for count in 1...JournalLimits.groupBatches {
            var position = GroupFrame.headerLength + count * GroupFrame.entryLength
            guard position + BatchHeader.length <= bytes.count else { return nil }
            var batches: [EncodedBatch] = []
            while batches.count < count, let batch = Self.batch(in: bytes, at: position) {
                batches.append(batch)
                position += batch.length
            }
            if batches.count == count, GroupFrame.aligned(position) == bytes.count { return batches }
        }
        return nil
    }

    private static func batch(in bytes: [UInt8], at position: Int) -> EncodedBatch? {
        // Not a batch: the caller tries another place.
        guard position + BatchHeader.length <= bytes.count,
            let header = try? BatchHeader(decoding: bytes[position..<position + BatchHeader.length])
        else { return nil }
        let end = position + BatchHeader.length + Int(header.bodyLength)
        guard end <= bytes.count else { return nil }
        return try? EncodedBatch(verifying: Array(bytes[position..<end]))  // likewise
    }
}
