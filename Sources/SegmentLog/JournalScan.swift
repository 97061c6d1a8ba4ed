// The reading of a whole journal at start (S7): which groups stand, which bytes are corrupt, which are cut.
//
// A group before the trailing mark was flushed: where its bytes are bad, that is corruption, and the rest is served.
// Behind the mark nothing was promised: the first bad bytes end the journal and are cut. The mark is the highest group
// number named by a mark slot, by a frame that stands, or implied by a group that stands behind the bad bytes.
//
// A start checks every batch by its checksums, its place and its offset, but not by SHA-256 against the digest that the
// next one names: that would cost four times as much as all the rest. What it gives up is small: bits that flip, sectors
// that are lost and writes that go astray fail a CRC32C or contradict the group frame, whose table names log, offset and
// length of every batch, and nothing else reached the disk, for the chain was checked when the batch was submitted.
// Bytes made up by somebody with the disk in his hands would pass, but not `meridian log verify`, which computes the whole
// chain, and not another region, which checks it against its own copy (S8, S11).

import ClusterModel
import EventLog
import NodeEnvironment

/// Walks segments in order and keeps what it learned. The visitor sees each batch that extends its log, once, in journal
/// order.
struct JournalScan {
    private let directory: JournalDirectory
    private let journal: UInt64
    /// Segments below it are trimmed: that they are missing is no damage.
    private let firstGeneration: UInt64
    /// Says of which logs nothing is wanted any more.
    private let trimmed: TrimmedPrefix
    /// Whether these are read all the same, as far as their bytes stand: for people.
    private let keepsDropped: Bool
    private(set) var table: LogTable
    private(set) var producers = ProducerBook()
    private(set) var corruptRanges: [CorruptRange] = []
    /// Of the segment that is read: what follows a gap in each log, one range a log however many batches they are.
    private var gaps: [LogIdentity: Gap] = [:]
    private(set) var cutBytes: UInt64 = 0
    /// The last group that stands.
    private(set) var lastGroup: UInt64 = 0
    /// The last segment in which a group stands, and where its groups end. An empty one behind it is made anew.
    private(set) var lastGeneration: UInt64 = 0
    private(set) var lastEnd: UInt64 = 0
    /// Where the groups of each segment end in which one stands, damage before the end included.
    private(set) var ends: [UInt64: UInt64] = [:]
    private(set) var mark: UInt64
    private let check: LogTable.ChainCheck
    private var digests = EndDigests()
    /// Batches of groups that stand beyond the mark, in order.
    private(set) var beyondMark: [EncodedBatch] = []
    /// Where damage at the very end of what is written was reported to end: nothing stands behind it.
    private var damagedTail: UInt64?
    private(set) var records: UInt64 = 0

    var batches: Int { table.batches }

    init(
        directory: JournalDirectory, journal: UInt64, mark: UInt64, trimmed: TrimmedPrefix,
        check: LogTable.ChainCheck = .offsets, keepsDropped: Bool = false
    ) {
        self.keepsDropped = keepsDropped
        firstGeneration = trimmed.firstGeneration
        self.trimmed = trimmed
        table = LogTable(trimmed: trimmed)
        self.check = check
        self.directory = directory
        self.journal = journal
        self.mark = mark
    }

    /// Scans all segments. Throws when a file cannot be read, or what `visit` throws.
    mutating func run(visit: (EncodedBatch) throws -> Void) throws {
        let generations = try directory.generations().filter { $0 >= firstGeneration }
        reportMissing(generations)
        let successions = try successions(generations)
        for (index, generation) in generations.enumerated() {
            let file = try directory.files.open(directory.segmentPath(generation), .read)
            defer { file.close() }
            let reader = try SegmentReader(file: file, journal: journal, generation: generation)
            try scan(reader, successions[index], visit)
        }
        reportMissingEnd()
        if check == .offsets { try digests.settle(&table, directory) }
    }

    /// Bytes read at once: they stay in the processor's cache until they are checked and decoded.
    private static let ahead = 1 << 20

    /// Segments are numbered densely: one that is not there took acknowledged groups with it.
    private mutating func reportMissing(_ generations: [UInt64]) {
        var expected = firstGeneration
        for generation in generations {
            while expected < generation, corruptRanges.count < Self.maxMissing {
                corruptRanges.append(
                    CorruptRange(
                        path: directory.segmentPath(expected), bytes: 0..<0, reason: "the segment is missing"))
                expected += 1
            }
            expected = generation + 1
        }
    }

    /// The mark names a group that was flushed. Where the journal ends before it and no damage says why, its newest segment is
    /// gone or was cut off: what it held was acknowledged.
    private mutating func reportMissingEnd() {
        guard mark > lastGroup, corruptRanges.isEmpty else { return }
        corruptRanges.append(
            CorruptRange(
                path: directory.segmentPath(lastGeneration + 1), bytes: 0..<0,
                reason:
                    "the journal ends with group \(lastGroup), and group \(mark) was flushed: its newest segment is "
                    + "missing or was cut off"))
    }

    /// Missing segments that are named one by one.
    private static let maxMissing = 64

    /// What the next segment in which a group stands says of a segment.
    private struct Succession {
        /// Where the segment's groups ended when its direct successor was begun; nil where that one is empty.
        var end: UInt64?
        /// The mark at that time: groups beyond it were in doubt and were written again into the successor.
        var mark: UInt64
    }

    /// For each segment what a later one says of it; nil behind the last one in which a group stands.
    private func successions(_ generations: [UInt64]) throws -> [Succession?] {
        var found: [Succession?] = []
        var later: Succession?
        for generation in generations.reversed() {
            found.append(later)
            let file = try directory.files.open(directory.segmentPath(generation), .read)
            defer { file.close() }
            let reader = try SegmentReader(file: file, journal: journal, generation: generation)
            if let first = try reader.firstFrame() {
                later = Succession(end: first.previousSegmentEnd, mark: first.mark)
            } else {
                later?.end = nil
            }
        }
        return found.reversed()
    }

    private mutating func scan(
        _ reader: SegmentReader, _ succession: Succession?, _ visit: (EncodedBatch) throws -> Void
    ) throws {
        let end = succession?.end
        var window = ReadAhead(reader.file, ahead: Self.ahead)
        var position: UInt64 = 0
        damagedTail = nil
        gaps = [:]
        scanning: while end.map({ position < $0 }) ?? true {
            switch try reader.item(at: position, &window) {
            case .group(let group):
                try take(group, reader, visit)
                position = group.end
            case .end where position == damagedTail: break scanning
            case .end:
                guard let next = try resume(reader, from: position, succession, "zeros where a group stood") else {
                    break scanning
                }
                position = next
            case .damaged(let reason):
                guard let next = try resume(reader, from: position, succession, reason) else {
                    cutBytes += try writtenBytes(reader, from: position)
                    break scanning
                }
                position = next
            }
        }
        if position > 0 {
            (lastGeneration, lastEnd) = (reader.generation, position)
            ends[reader.generation] = position
        }
    }

    /// Decides on bad bytes at `position`: returns where to go on when they are corruption, nil when they are the end.
    private mutating func resume(
        _ reader: SegmentReader, from position: UInt64, _ succession: Succession?, _ reason: String
    ) throws -> UInt64? {
        let next = try reader.nextGroup(from: position + UInt64(GroupFrame.alignment))
        // What is missing was in doubt when the successor was begun, and stands there once more.
        if next == nil, let succession, succession.mark <= lastGroup { return nil }
        let known = next?.frame.position ?? succession?.end
        let stop = try known ?? (lastGroup < mark ? writtenEnd(reader, from: position) : nil)
        guard let stop, stop > position else { return nil }
        if known == nil { damagedTail = stop }
        corruptRanges.append(
            CorruptRange(
                path: directory.segmentPath(reader.generation), bytes: position..<stop, reason: reason))
        return stop
    }

    private mutating func take(
        _ group: ScannedGroup, _ reader: SegmentReader, _ visit: (EncodedBatch) throws -> Void
    ) throws {
        let place = JournalPlace(generation: reader.generation, position: group.frame.position)
        lastGroup = max(lastGroup, group.frame.number)
        if group.frame.mark > mark {
            // This frame was written after a sync of what its mark names: none of that is in doubt any more.
            mark = group.frame.mark
            beyondMark.removeAll()
        }
        var next = group.frame.batchesPosition
        for batch in group.batches {
            let position = next
            next += UInt64(batch.length)
            // A line's producers outlive its incarnations.
            let isDropped = trimmed.isDropped(batch.header.log)
            if isDropped, !keepsDropped {
                producers.note(batch.header)
                continue
            }
            switch table.extend(with: batch, at: place, check) {
            case .known: continue
            case .extended:
                if check == .offsets { digests.note(batch, generation: reader.generation, position: position) }
                producers.note(batch.header)
                records += UInt64(batch.header.count)
                if group.frame.number > mark { beyondMark.append(batch) }
                try visit(batch)
            // Its beginning went with an older segment.
            case .doesNotExtend where isDropped: continue
            case .doesNotExtend: noteGap(batch, group.frame.position..<group.end, reader.generation)
            }
        }
    }

    /// What one damage leaves of a log is as long as the log: it is counted, and its first batch named.
    private struct Gap {
        /// In `corruptRanges`.
        var place: Int
        var first: Offset
        var batches = 0
    }

    private mutating func noteGap(_ batch: EncodedBatch, _ bytes: Range<UInt64>, _ generation: UInt64) {
        let log = batch.header.log
        var gap = gaps[log] ?? Gap(place: corruptRanges.count, first: batch.header.baseOffset)
        gap.batches += 1
        gaps[log] = gap
        var range = CorruptRange(path: directory.segmentPath(generation), bytes: bytes, reason: "", followsGap: true)
        if gap.place == corruptRanges.count {
            corruptRanges.append(range)
        } else {
            range.bytes = corruptRanges[gap.place].bytes.lowerBound..<bytes.upperBound
        }
        let more = gap.batches == 1 ? "" : ", and \(gap.batches - 1) more batches of it up to there"
        range.reason = "batch of \(log) at \(gap.first.rawValue) follows a gap\(more)"
        corruptRanges[gap.place] = range
    }

    /// Where the last sector ends that is not blank; the segment's end where all are.
    private func writtenEnd(_ reader: SegmentReader, from start: UInt64) throws -> UInt64 {
        let written = try writtenBytes(reader, from: start)
        guard written > 0 else { return reader.length }
        return min(start + UInt64(GroupFrame.aligned(Int(written))), reader.length)
    }

    /// How many bytes up to the last one that is not zero.
    private func writtenBytes(_ reader: SegmentReader, from start: UInt64) throws -> UInt64 {
        var last = start
        var position = start
        while position < reader.length {
            let chunk = try reader.file.read(at: position, count: Int(min(1 << 20, reader.length - position)))
            if chunk.isEmpty { break }
            if let index = chunk.lastIndex(where: { $0 != 0 }) { last = position + UInt64(index) + 1 }
            position += UInt64(chunk.count)
        }
        return last - start
    }
}
