// What stands on both sides of a lost stretch in every log, found in the journal itself: the offline counterpart of a running
// node's table.

import ClusterModel
import EventLog
import NodeEnvironment

/// One pass over the frames of all other segments; of the batches it reads headers. Memory: a few words a log.
struct StretchNeighbours {
    /// The last batch of a log before the segment.
    private struct Last {
        var end: Offset
        var entry: GroupFrame.Entry
        var place: JournalPlace
    }

    private let generation: UInt64
    private let trimmed: TrimmedPrefix
    private var last: [LogIdentity: Last] = [:]
    /// From surveys of damaged segments, which know digests.
    private var before: [LogIdentity: DamagedSegment.Side] = [:]
    private var behind: [LogIdentity: DamagedSegment.Side] = [:]

    /// `generation`: the segment with the stretch. The others are given in ascending order.
    init(around generation: UInt64, trimmed: TrimmedPrefix) {
        self.generation = generation
        self.trimmed = trimmed
    }

    /// A damaged segment, as far as its batches stand.
    mutating func take(_ links: [LogIdentity: [DamagedSegment.Link]], of other: UInt64) {
        for (log, links) in links {
            guard let first = links.first, let newest = links.last else { continue }
            if other > generation {
                if behind[log] == nil { behind[log] = DamagedSegment.Side(offset: first.base, digest: first.previous) }
            } else {
                before[log] = DamagedSegment.Side(offset: newest.end, digest: newest.digest)
                last[log] = nil
            }
        }
    }

    /// A sound segment. Blocks on the disk.
    mutating func read(_ reader: SegmentReader) throws(FileError) {
        var window = SegmentWindow(reader)
        var position: UInt64 = 0
        while let group = try window.frame(from: position) {
            var place = group.batches
            for entry in group.frame.entries {
                if reader.generation < generation || behind[entry.log] == nil,
                    let header = try window.header(entry, at: place)
                {
                    note(header, entry, JournalPlace(generation: reader.generation, position: place))
                }
                place += UInt64(entry.length)
            }
            position = group.end
        }
    }

    private mutating func note(_ header: BatchHeader, _ entry: GroupFrame.Entry, _ place: JournalPlace) {
        guard place.generation < generation else {
            behind[entry.log] = DamagedSegment.Side(offset: header.baseOffset, digest: header.previousDigest)
            return
        }
        let end = header.baseOffset.advanced(by: Int(header.count))
        if let known = before[entry.log]?.offset ?? last[entry.log]?.end, known >= end { return }
        before[entry.log] = nil
        last[entry.log] = Last(end: end, entry: entry, place: place)
    }

    /// What each log lacks in the stretch; nil where that cannot be told. `index`: ends of logs, where they are known: without,
    /// nothing is known of what a log had behind its last batch. `batch` reads one back.
    func lacks(
        in stretch: LostStretch, _ survey: DamagedSegment, index: LogTable?,
        batch: (GroupFrame.Entry, JournalPlace) throws(FileError) -> EncodedBatch?
    ) throws(FileError) -> [RepairNeed]? {
        let logs = Set(survey.links.keys).union(behind.keys).union(index?.logs ?? [])
            .union(index == nil ? [] : Set(last.keys).union(before.keys))
        var needs: [RepairNeed] = []
        for log in logs.sorted() where !trimmed.isDropped(log) {
            let sides = survey.sides(of: stretch, in: log)
            guard let goal = sides.behind ?? behind[log] ?? Self.end(of: log, in: index) else { continue }
            let from =
                sides.before?.offset ?? before[log]?.offset ?? last[log]?.end ?? trimmed.bases[log]?.offset ?? .zero
            if from >= goal.offset { continue }
            guard !survey.isShared(stretch, in: log) else { return nil }
            var known = sides.before?.digest
            if known == nil { known = try digest(before: log, batch) }
            guard let digest = known else { return nil }
            needs.append(RepairNeed(log: log, from: from, before: digest, goal: .end(goal.offset, goal.digest)))
        }
        return needs
    }

    private func digest(
        before log: LogIdentity, _ batch: (GroupFrame.Entry, JournalPlace) throws(FileError) -> EncodedBatch?
    ) throws(FileError) -> Digest128? {
        if let side = before[log] { return side.digest }
        if let last = last[log] { return try batch(last.entry, last.place)?.chainDigest }
        return trimmed.bases[log]?.digest ?? .zero
    }

    private static func end(of log: LogIdentity, in index: LogTable?) -> DamagedSegment.Side? {
        (index?[log]).map { DamagedSegment.Side(offset: $0.end, digest: $0.digest) }
    }
}
