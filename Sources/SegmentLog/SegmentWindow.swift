// Reading of one segment through a small window: frames first, and of the batches only those that somebody wants.

import ClusterModel
import EventLog
import NodeEnvironment

/// A group's frame, and where its batches stand.
struct FoundFrame: Sendable {
    var frame: GroupFrame
    /// The position of the first batch in the segment.
    var batches: UInt64
    /// The position after the group's padding.
    var end: UInt64

    /// Whether everything before this group was known to be flushed when it was written: a group that stands before it was
    /// in doubt at no later start, so that no copy of it was written again behind this one (S7).
    var vouchesForAllBefore: Bool { frame.mark + 1 >= frame.number }
}

/// Bounded memory: `ahead` bytes, or one batch where that is longer.
struct SegmentWindow {
    /// Bytes read at once: small batches that lie side by side cost one read.
    private static let ahead = 64 << 10

    private let reader: SegmentReader
    private var window: ReadAhead

    init(_ reader: SegmentReader) {
        self.reader = reader
        window = ReadAhead(reader.file, ahead: Self.ahead)
    }

    var generation: UInt64 { reader.generation }

    /// Bytes read from the file so far, damage that was searched included.
    var bytesRead: UInt64 { window.bytesRead }

    /// The frame that stands at `position`; nil for the end of what was written, and for damage.
    mutating func frame(at position: UInt64) throws(FileError) -> FoundFrame? {
        guard let head = try window.bytes(at: position, count: GroupFrame.headerLength),
            let prefix = GroupFrame.prefix(head), position + UInt64(prefix.groupLength) <= reader.length,
            let table = try window.bytes(at: position, count: GroupFrame.headerLength + prefix.tableLength),
            let frame = GroupFrame(decoding: table, prefix: prefix), frame.journal == reader.journal,
            frame.generation == reader.generation, frame.position == position
        else { return nil }
        return FoundFrame(
            frame: frame, batches: position + UInt64(table.count), end: position + UInt64(prefix.groupLength))
    }

    /// The frame that stands at `start`, or else the first one behind it that begins before `limit`: how reading goes on
    /// behind damage, which the frame's position gives away.
    mutating func frame(from start: UInt64, before limit: UInt64 = .max) throws(FileError) -> FoundFrame? {
        if let found = try frame(at: start) { return found }
        let next = try nextFrame(from: start + UInt64(GroupFrame.alignment), before: limit)
        return try next.flatMap { (position) throws(FileError) in try frame(at: position) }
    }

    /// Where the next frame begins at `start` or behind it, before `limit`.
    mutating func nextFrame(from start: UInt64, before limit: UInt64 = .max) throws(FileError) -> UInt64? {
        let sector = UInt64(GroupFrame.alignment)
        var position = (start + sector - 1) / sector * sector
        while position < limit, position + UInt64(GroupFrame.headerLength) <= reader.length {
            guard let head = try window.bytes(at: position, count: GroupFrame.headerLength) else { return nil }
            if GroupFrame.beginsFrame(head, at: 0), try frame(at: position) != nil { return position }
            position += sector
        }
        return nil
    }

    /// A batch of which the table says that it stands here; nil where it does not verify.
    mutating func batch(_ entry: GroupFrame.Entry, at position: UInt64) throws(FileError) -> EncodedBatch? {
        guard let bytes = try window.bytes(at: position, count: Int(entry.length)),
            let batch = try? EncodedBatch(verifying: bytes, digesting: false),  // damage: the caller looks for a copy
            batch.header.log == entry.log, batch.header.baseOffset == entry.base
        else { return nil }
        // Readers keep it: it must not keep the window.
        return batch.compacted()
    }

    /// The same for the batch's header alone.
    mutating func header(_ entry: GroupFrame.Entry, at position: UInt64) throws(FileError) -> BatchHeader? {
        guard let bytes = try window.bytes(at: position, count: BatchHeader.length),
            let header = try? BatchHeader(decoding: bytes),  // as above
            header.log == entry.log, header.baseOffset == entry.base
        else { return nil }
        return header
    }
}
