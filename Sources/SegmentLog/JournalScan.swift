// The reading of a whole journal at start (S7): which groups stand, which bytes are corrupt, which are cut.
//
// A group before the trailing mark was flushed: where its bytes are bad, that is corruption, and the rest is served.
// Behind the mark nothing was promised: the first bad bytes end the journal and are cut. The mark is the highest group
// number named by a mark slot, by a frame that stands, or implied by a group that stands behind the bad bytes.

import ClusterModel
import EventLog
import NodeEnvironment

/// Walks segments in order and keeps what it learned. The visitor sees each batch that extends its log, once, in journal
/// order.
struct JournalScan {
    private let directory: JournalDirectory
    private let journal: UInt64
    private(set) var table = LogTable()
    private(set) var corruptRanges: [CorruptRange] = []
    private(set) var cutBytes: UInt64 = 0
    /// The last group that stands.
    private(set) var lastGroup: UInt64 = 0
    /// The last segment in which a group stands, and where its groups end. An empty one behind it is made anew.
    private(set) var lastGeneration: UInt64 = 0
    private(set) var lastEnd: UInt64 = 0
    private(set) var mark: UInt64
    /// Batches of groups that stand beyond the mark, in order.
    private(set) var beyondMark: [EncodedBatch] = []
    private(set) var batches = 0
    private(set) var records: UInt64 = 0

    init(directory: JournalDirectory, journal: UInt64, mark: UInt64) {
        self.directory = directory
        self.journal = journal
        self.mark = mark
    }

    /// Scans all segments. Throws when a file cannot be read, or what `visit` throws.
    mutating func run(visit: (EncodedBatch) throws -> Void) throws {
        let generations = try directory.generations()
        let ends = try segmentEnds(generations)
        for (index, generation) in generations.enumerated() {
            let file = try directory.files.open(directory.segmentPath(generation), .read)
            defer { file.close() }
            let reader = try SegmentReader(file: file, journal: journal, generation: generation)
            try scan(reader, end: ends[index], visit)
        }
    }

    /// For each segment the end that its successor names; nil for the last one and for those before an empty one.
    private func segmentEnds(_ generations: [UInt64]) throws -> [UInt64?] {
        var ends: [UInt64?] = []
        for generation in generations {
            let file = try directory.files.open(directory.segmentPath(generation), .read)
            defer { file.close() }
            let reader = try SegmentReader(file: file, journal: journal, generation: generation)
            if case .group(let first) = try reader.item(at: 0), !ends.isEmpty {
                ends[ends.count - 1] = first.frame.previousSegmentEnd
            }
            ends.append(nil)
        }
        return ends
    }

    private mutating func scan(
        _ reader: SegmentReader, end: UInt64?, _ visit: (EncodedBatch) throws -> Void
    ) throws {
        var position: UInt64 = 0
        scanning: while end.map({ position < $0 }) ?? true {
            switch try reader.item(at: position) {
            case .group(let group):
                try take(group, reader, visit)
                position = group.end
            case .end:
                guard let next = try resume(reader, from: position, end: end, "zeros where a group stood") else {
                    break scanning
                }
                position = next
            case .damaged(let reason):
                guard let next = try resume(reader, from: position, end: end, reason) else {
                    cutBytes += try writtenBytes(reader, from: position)
                    break scanning
                }
                position = next
            }
        }
        if position > 0 { (lastGeneration, lastEnd) = (reader.generation, position) }
    }

    /// Decides on bad bytes at `position`: returns where to go on when they are corruption, nil when they are the end.
    private mutating func resume(
        _ reader: SegmentReader, from position: UInt64, end: UInt64?, _ reason: String
    ) throws -> UInt64? {
        let next = try reader.nextGroup(from: position + UInt64(GroupFrame.alignment))
        let stop = next?.frame.position ?? end ?? (lastGroup < mark ? reader.length : nil)
        guard let stop, stop > position else { return nil }
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
        for batch in group.batches {
            switch table.extend(with: batch, at: place) {
            case .known: continue
            case .extended:
                batches += 1
                records += UInt64(batch.header.count)
                if group.frame.number > mark { beyondMark.append(batch) }
                try visit(batch)
            case .doesNotExtend:
                corruptRanges.append(
                    CorruptRange(
                        path: directory.segmentPath(reader.generation), bytes: group.frame.position..<group.end,
                        reason: "batch of \(batch.header.log) at \(batch.header.baseOffset.rawValue) follows a gap"))
            }
        }
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
