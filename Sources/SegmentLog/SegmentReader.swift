// Reading of one segment, group by group. Bounded memory: one group at a time, and what is read ahead.

import ClusterModel
import EventLog
import NodeEnvironment

/// One group as it was found.
struct ScannedGroup: Sendable {
    var frame: GroupFrame
    /// Parts of what was read ahead: nothing was copied, and no chain digest computed.
    var batches: [EncodedBatch]
    /// The position after the group's padding.
    var end: UInt64
}

/// What stands at a position of a segment.
enum SegmentItem: Sendable {
    case group(ScannedGroup)
    /// Zeros or bytes of another generation: nothing was written here.
    case end
    /// Something that is neither a group nor an end.
    case damaged(String)
}

struct SegmentReader {
    let file: any StoredFile
    let journal: UInt64
    let generation: UInt64
    /// The length of the file.
    let length: UInt64

    init(file: any StoredFile, journal: UInt64, generation: UInt64) throws(FileError) {
        self.file = file
        self.journal = journal
        self.generation = generation
        length = try file.length()
    }

    /// Classifies what starts at `position`. Throws only when the file cannot be read.
    func item(at position: UInt64) throws(FileError) -> SegmentItem {
        var window = ReadAhead(file, ahead: GroupFrame.headerLength)
        return try item(at: position, &window)
    }

    /// The same through a window on the same file, for who goes on from group to group.
    func item(at position: UInt64, _ window: inout ReadAhead) throws(FileError) -> SegmentItem {
        guard position + UInt64(GroupFrame.headerLength) <= length,
            let head = try window.bytes(at: position, count: GroupFrame.headerLength)
        else { return .end }
        if head.allSatisfy({ $0 == 0 }) { return .end }
        guard let prefix = GroupFrame.prefix(head) else { return .damaged("no group frame") }
        guard position + UInt64(prefix.groupLength) <= length,
            let bytes = try window.bytes(at: position, count: prefix.groupLength)
        else { return .damaged("group longer than its segment") }
        guard let frame = GroupFrame(decoding: bytes, prefix: prefix) else { return .damaged("group frame checksum") }
        guard frame.journal == journal, frame.generation == generation else { return .end }
        guard frame.position == position else { return .damaged("group frame of another position") }
        return decode(frame, prefix, bytes, at: position)
    }

    /// The frame of the segment's first group, whatever became of its batches, with one wrong bit in it put right: it says
    /// where the segment before ends. Nil where none stands.
    func firstFrame() throws(FileError) -> GroupFrame? {
        var window = SegmentWindow(self)
        if let found = try window.frame(at: 0) { return found.frame }
        let bytes = try file.read(at: 0, count: GroupFrame.longestCorrected)[...]
        // Sound and of another generation: the segment is blank.
        if let prefix = GroupFrame.prefix(bytes), GroupFrame(decoding: bytes, prefix: prefix) != nil { return nil }
        return GroupFrame.correcting(bytes) { frame, _ in
            frame.journal == journal && frame.generation == generation && frame.position == 0
        }?.frame
    }

    /// Bytes that a search reads at once.
    private static let searchBytes = 1 << 20

    /// The next position from `start` on where a valid group of this segment stands, searching sector by sector: a sector
    /// that does not begin with the magic costs no read of its own.
    func nextGroup(from start: UInt64) throws(FileError) -> ScannedGroup? {
        let sector = UInt64(GroupFrame.alignment)
        var position = (start + sector - 1) / sector * sector
        while position + UInt64(GroupFrame.headerLength) <= length {
            let chunk = try file.read(at: position, count: Int(min(UInt64(Self.searchBytes), length - position)))[...]
            if chunk.isEmpty { return nil }
            for offset in stride(from: 0, to: chunk.count, by: GroupFrame.alignment)
            where GroupFrame.beginsFrame(chunk, at: offset) {
                if case .group(let group) = try item(at: position + UInt64(offset)) { return group }
            }
            position += UInt64(Self.searchBytes)
        }
        return nil
    }

    private func decode(
        _ frame: GroupFrame, _ prefix: GroupFrame.Prefix, _ bytes: ArraySlice<UInt8>, at position: UInt64
    ) -> SegmentItem {
        var start = bytes.startIndex + GroupFrame.headerLength + prefix.tableLength
        var batches: [EncodedBatch] = []
        batches.reserveCapacity(frame.entries.count)
        for entry in frame.entries {
            let end = start + Int(entry.length)
            do {
                let batch = try EncodedBatch(verifying: bytes[start..<end], digesting: false)
                guard batch.header.log == entry.log, batch.header.baseOffset == entry.base else {
                    return .damaged("batch of another log in the place of \(entry.log)")
                }
                batches.append(batch)
            } catch {
                return .damaged("batch of \(entry.log) at \(entry.base.rawValue): \(error)")
            }
            start = end
        }
        guard bytes[start...].allSatisfy({ $0 == 0 }) else { return .damaged("padding is not zero") }
        return .group(
            ScannedGroup(frame: frame, batches: batches, end: position + UInt64(prefix.groupLength)))
    }
}
