// What stands on both sides of what is missing of a log, found in the journal itself: offline there is no table of a running
// node that would know, for a scan ends a log at its first damage.

import ClusterModel
import EventLog
import NodeEnvironment

/// One pass over the frames of all segments; of the batches it reads headers, and the one before each run.
struct RunNeighbours {
    struct Sides: Hashable {
        /// The chain digest before the run.
        var before: Digest128?
        /// The first batch behind the run: its offset, and the digest that it names.
        var next: Next?
    }

    struct Next: Hashable {
        var base: Offset
        var previous: Digest128
    }

    private let runs: [DamagedSegment.Run]
    private var byLog: [LogIdentity: [Int]] = [:]
    /// In the order of the runs.
    private(set) var sides: [Sides]

    init(_ runs: [DamagedSegment.Run], trimmed: TrimmedPrefix) {
        self.runs = runs
        sides = runs.map { run in
            guard let from = run.missing.first?.entry.base else { return Sides() }
            if from == .zero { return Sides(before: .zero) }
            let base = trimmed.bases[run.log]
            return Sides(before: base?.offset == from ? base?.digest : nil)
        }
        for (index, run) in runs.enumerated() { byLog[run.log, default: []].append(index) }
    }

    /// Batches that a survey of a damaged segment found, those behind broken frames included.
    mutating func take(_ links: [LogIdentity: [DamagedSegment.Link]]) {
        for (log, indices) in byLog {
            for link in links[log] ?? [] {
                for index in indices {
                    if link.end == runs[index].missing.first?.entry.base { sides[index].before = link.digest }
                    note(Next(base: link.base, previous: link.previous), behind: index)
                }
            }
        }
    }

    /// Goes over one segment. Blocks on the disk.
    mutating func read(_ reader: SegmentReader) throws(FileError) {
        var window = SegmentWindow(reader)
        var position: UInt64 = 0
        while let group = try window.frame(from: position) {
            try take(group, &window)
            position = group.end
        }
    }

    private mutating func take(_ group: FoundFrame, _ window: inout SegmentWindow) throws(FileError) {
        var position = group.batches
        for entry in group.frame.entries {
            for index in byLog[entry.log] ?? [] { try take(entry, at: position, for: index, &window) }
            position += UInt64(entry.length)
        }
    }

    private mutating func take(
        _ entry: GroupFrame.Entry, at position: UInt64, for index: Int, _ window: inout SegmentWindow
    ) throws(FileError) {
        guard let from = runs[index].missing.first?.entry.base, let last = runs[index].missing.last?.entry.base,
            entry.base < from || entry.base > last, let header = try window.header(entry, at: position)
        else { return }
        if entry.base > last {
            note(Next(base: entry.base, previous: header.previousDigest), behind: index)
        } else if header.baseOffset.advanced(by: Int(header.count)) == from, sides[index].before == nil {
            sides[index].before = try window.batch(entry, at: position)?.chainDigest
        }
    }

    private mutating func note(_ next: Next, behind index: Int) {
        guard let last = runs[index].missing.last?.entry.base, next.base > last else { return }
        if sides[index].next.map({ next.base < $0.base }) ?? true { sides[index].next = next }
    }
}
